# SPDX-License-Identifier: GPL-2.0
"""The machines that tests/vm has QEMU emulate, by architecture."""
import fcntl
import os
import re

KVM_CREATE_VM = 0xae01


def has_kvm():
    """Can QEMU use KVM?

    A device that is there need not work, and without virtualization by the
    processor it works only for kernels made for that (PVM).
    """
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        if not re.search(r"^flags\b.*\b(vmx|svm)\b", file.read(), re.M):
            return False
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.close(fcntl.ioctl(kvm, KVM_CREATE_VM, 0))
        return True
    except OSError:
        return False
    finally:
        os.close(kvm)


class S390x:
    """zPCI as QEMU emulates it, with functions to break."""

    qemu = "qemu-system-s390x"
    options = ["-M", "s390-ccw-virtio", "-cpu", "max", "-accel", "tcg",
               "-global", "virtio-net-pci.romfile="]
    append = ["console=ttysclp0"]
    memory = 512
    slow = 1

    # Functions get zPCI uid and fid 1, 2, 3... in the order of --devices.
    pci = ",iommu_platform=on,disable-legacy=on"
    devices = {
        "n0": ["-netdev", "user,id=u0,restrict=on",
               "-device", "virtio-net-pci,id=n0,netdev=u0" + pci],
        "n1": ["-netdev", "user,id=u1,restrict=on,net=10.0.3.0/24",
               "-device", "virtio-net-pci,id=n1,netdev=u1" + pci],
        "r0": ["-object", "rng-random,id=o0,filename=/dev/urandom",
               "-device", "virtio-rng-pci,id=r0,rng=o0" + pci],
        "r1": ["-object", "rng-random,id=o1,filename=/dev/urandom",
               "-device", "virtio-rng-pci,id=r1,rng=o1" + pci],
        "b0": ["-blockdev", "file,node-name=d0,filename={tmp}/b0",
               "-device", "virtio-blk-pci,id=b0,drive=d0" + pci],
        "b1": ["-blockdev", "file,node-name=d1,filename={tmp}/b1",
               "-device", "virtio-blk-pci,id=b1,drive=d1" + pci],
    }

    # The result port.  On PCI too, far away from the others, since with
    # virtio-ccw a kernel with lock debugging takes 4 s longer to boot: it looks
    # at all 262144 subchannels.
    port = ["-device", "zpci,uid=65280,fid=65280,target=serial",
            "-device", "virtio-serial-pci,id=serial" + pci]

    def smp(self, cpus):
        """The processors, as QEMU wants to know."""
        return str(cpus)

    def device(self, name, number, tmp):
        """QEMU's options for the device NAME, the NUMBERth one."""
        if name.startswith("b"):
            with open(f"{tmp}/{name}", "wb") as disk:
                disk.truncate(16 << 20)
        return (["-device", f"zpci,uid={number},fid={number},target={name}"]
                + [arg.format(tmp=tmp) for arg in self.devices[name]])


class X86:
    """A plain PC: what is tested there brings its own PCI functions."""

    qemu = "qemu-system-x86_64"
    # Without ACPI the kernel has to be told where its timer is, and it cannot
    # power off.  On a busy host TSC does not seem to be reliable, but is.
    append = ["console=ttyS0", "panic=-1", "pmtmr=0x608", "tsc=reliable",
              "vm.reset"]
    memory = 512
    devices = {}
    port = ["-device", "virtio-serial-pci,id=serial"]

    def __init__(self):
        self.kvm = has_kvm()
        self.slow = 1 if self.kvm else 5
        self.options = ["-M", "q35", "-cpu", "max",
                        "-accel", "kvm" if self.kvm else "tcg"]

    def count_instructions(self):
        """One nanosecond for each, whatever else the host does meanwhile."""
        self.kvm = False
        self.slow = 5
        self.options = ["-M", "q35", "-cpu", "max",
                        "-accel", "tcg,thread=single",
                        "-icount", "shift=0,sleep=off"]

    def smp(self, cpus):
        """The processors: firmware tells only of the first in a socket."""
        return f"{cpus},sockets={cpus}"


def machine(build):
    """The machine for a build of the kernel, see set_build in lib.sh."""
    return {"s390x": S390x, "x86": X86}[build.split("-")[0]]()
