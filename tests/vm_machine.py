# SPDX-License-Identifier: GPL-2.0
"""The machines that tests/vm has QEMU emulate."""
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


# What there is to break, at the end the function itself.
PCI = ",iommu_platform=on,disable-legacy=on"
VIRTIO = {
    "n0": ["-netdev", "user,id=u0,restrict=on",
           "-device", "virtio-net-pci,id=n0,netdev=u0" + PCI],
    "n1": ["-netdev", "user,id=u1,restrict=on,net=10.0.3.0/24",
           "-device", "virtio-net-pci,id=n1,netdev=u1" + PCI],
    "r0": ["-object", "rng-random,id=o0,filename=/dev/urandom",
           "-device", "virtio-rng-pci,id=r0,rng=o0" + PCI],
    "r1": ["-object", "rng-random,id=o1,filename=/dev/urandom",
           "-device", "virtio-rng-pci,id=r1,rng=o1" + PCI],
    "b0": ["-blockdev", "file,node-name=d0,filename={tmp}/b0",
           "-device", "virtio-blk-pci,id=b0,drive=d0" + PCI],
    "b1": ["-blockdev", "file,node-name=d1,filename={tmp}/b1",
           "-device", "virtio-blk-pci,id=b1,drive=d1" + PCI],
}
# With drivers that have error handlers.
AWARE = {
    "v0": ["-blockdev", "file,node-name=d2,filename={tmp}/v0",
           "-device", "nvme,id=v0,serial=v0,drive=d2"],
    "e0": ["-netdev", "user,id=u2,restrict=on,net=10.0.4.0/24",
           "-device", "e1000e,id=e0,netdev=u2,romfile="],
}
# A device with four functions: their drivers have error handlers, or not.  Those
# of virtio have no MSI.
MULTI = {
    "m0": ["-blockdev", "file,node-name=d3,filename={tmp}/m0",
           "-device", "nvme,id=m0,serial=m0,drive=d3,multifunction=on,addr=1.0",
           "-object", "rng-random,id=o2,filename=/dev/urandom",
           "-device", "virtio-rng-pci,id=m1,rng=o2,vectors=0,addr=1.1" + PCI,
           "-netdev", "user,id=u3,restrict=on,net=10.0.5.0/24",
           "-device", "e1000e,id=m2,netdev=u3,romfile=,addr=1.2",
           "-object", "rng-random,id=o3,filename=/dev/urandom",
           "-device", "virtio-rng-pci,id=m3,rng=o3,vectors=0,addr=1.3" + PCI],
}
# Two devices behind a bridge.
BRIDGE = {
    "p0": ["-blockdev", "file,node-name=d4,filename={tmp}/p0",
           "-device", "pci-bridge,id=p0,chassis_nr=1,addr=1",
           "-device", "nvme,id=p1,serial=p1,drive=d4,bus=p0,addr=1",
           "-object", "rng-random,id=o4,filename=/dev/urandom",
           "-device", "virtio-rng-pci,id=p2,rng=o4,bus=p0,addr=2" + PCI],
}
# Virtio whose drivers are rebound.
REBOUND = {
    "s0": ["-blockdev", "file,node-name=d5,filename={tmp}/s0",
           "-device", "virtio-scsi-pci,id=s0" + PCI,
           "-device", "scsi-hd,id=s1,drive=d5,bus=s0.0"],
    # Nothing is written to what is read into.
    "z0": ["-blockdev", "null-co,node-name=d6,size=16777216,read-zeroes=off",
           "-device", "virtio-blk-pci,id=z0,drive=d6" + PCI],
    "c0": ["-device", "virtio-serial-pci,id=c0" + PCI,
           "-chardev", "file,id=c0c,path=/dev/null",
           "-device", "virtserialport,bus=c0.0,chardev=c0c,name=null"],
    # It gives physical addresses, and its driver refuses an IOMMU.
    "l0": ["-device", "virtio-balloon-pci,id=l0,disable-legacy=on,"
           "free-page-reporting=on"],
}
# More of one kind, to fail at the same time.
MORE = {
    f"e{i}": ["-netdev", f"user,id=e{i}n,restrict=on",
              "-device", f"e1000e,id=e{i},netdev=e{i}n,romfile="]
    for i in range(1, 8)
}


def function(name, options, tmp, bus=None):
    """QEMU's OPTIONS for NAME on a bus; its disk is made if it has one.

    The disk has something else in each block.
    """
    options = [option.format(tmp=tmp) for option in options]
    if options[0] == "-blockdev":
        with open(f"{tmp}/{name}", "wb") as disk:
            for block in range(32 << 10):
                disk.write(b"%-511d\n" % block)
    for i, option in enumerate(options):
        if bus and options[i - 1] == "-device" and ",bus=" not in option:
            options[i] = option + ",bus=" + bus
    return options


class S390x:
    """zPCI as QEMU emulates it, with functions to break."""

    qemu = "qemu-system-s390x"
    options = ["-nodefaults",
               "-M", "s390-ccw-virtio", "-cpu", "max", "-accel", "tcg",
               "-global", "virtio-net-pci.romfile="]
    append = ["console=ttysclp0"]
    memory = 512
    slow = 1
    # Functions get zPCI uid and fid 1, 2, 3... in the order of --devices; more are
    # there for those who ask for them.
    devices = VIRTIO
    more = REBOUND

    def count_instructions(self):
        """One nanosecond for each, whatever else the host does meanwhile."""
        self.options = ["tcg,thread=single" if option == "tcg" else option
                        for option in self.options]
        self.options += ["-icount", "shift=0,sleep=off"]

    # The result port.  On PCI too, far away from the others, since with
    # virtio-ccw a kernel with lock debugging takes 4 s longer to boot: it looks
    # at all 262144 subchannels.
    built = None
    port = ["-device", "zpci,uid=65280,fid=65280,target=serial",
            "-device", "virtio-serial-pci,id=serial" + PCI]

    def smp(self, cpus):
        """The processors, as QEMU wants to know."""
        return str(cpus)

    def device(self, name, number, tmp):
        """QEMU's options for the device NAME, the NUMBERth one."""
        return (["-device", f"zpci,uid={number},fid={number},target={name}"]
                + function(name, (self.devices | self.more)[name], tmp))


class S390xAware(S390x):
    """The same with functions whose drivers have error handlers."""

    devices = VIRTIO | AWARE
    built = "s390x"


class X86:
    """A plain PC: what is tested there brings its own PCI functions."""

    qemu = "qemu-system-x86_64"
    # Without ACPI the kernel has to be told where its timer is, and it cannot
    # power off.  On a busy host TSC does not seem to be reliable, but is.
    append = ["console=ttyS0", "panic=-1", "pmtmr=0x608", "tsc=reliable",
              "vm.reset"]
    memory = 512
    devices = {}
    more = {}
    built = None
    port = ["-device", "virtio-serial-pci,id=serial"]

    def __init__(self):
        self.kvm = has_kvm()
        self.slow = 1 if self.kvm else 5
        self.options = ["-nodefaults", "-M", "q35", "-cpu", "max",
                        "-accel", "kvm" if self.kvm else "tcg"]

    def count_instructions(self):
        """One nanosecond for each, whatever else the host does meanwhile."""
        self.kvm = False
        self.slow = 5
        self.options = ["-nodefaults", "-M", "q35", "-cpu", "max",
                        "-accel", "tcg,thread=single",
                        "-icount", "shift=0,sleep=off"]

    def smp(self, cpus):
        """The processors: firmware tells only of the first in a socket."""
        return f"{cpus},sockets={cpus}"


class Pseries:
    """A POWER9 partition, each function in a host bridge, and PE, of its own."""

    qemu = "qemu-system-ppc64"
    # Without firmware that has a prompt, and without protection from attacks
    # that emulation cannot give.  With an environment for the firmware QEMU
    # formats the NVRAM, or the kernel would warn.
    options = ["-nodefaults", "-M", "pseries,x-vof=on,cap-cfpc=broken,"
               "cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
               "-cpu", "power9", "-accel", "tcg",
               "-prom-env", "auto-boot?=true",
               "-global", "virtio-net-pci.romfile="]
    append = ["console=hvc0", "panic=-1"]
    memory = 1024
    slow = 1

    # Host bridges are 1, 2, 3... in the order of --devices, the one with the
    # result port is 0.  That is what the domain is in the guest, too.
    devices = VIRTIO | AWARE | MULTI
    more = MORE | REBOUND
    port = ["-device", "virtio-serial-pci,id=serial,bus=pci.0" + PCI]

    # What tools/qemu/build is to build, if the system's QEMU will not do.
    built = "ppc64"

    def count_instructions(self):
        """One nanosecond for each, whatever else the host does meanwhile."""
        self.options = ["tcg,thread=single" if option == "tcg" else option
                        for option in self.options]
        self.options += ["-icount", "shift=0,sleep=off"]

    def smp(self, cpus):
        """The processors, as QEMU wants to know."""
        return str(cpus)

    def device(self, name, number, tmp):
        """QEMU's options for the device NAME, the NUMBERth one."""
        return (["-device", f"spapr-pci-host-bridge,index={number},"
                 f"id=phb{number}"]
                + function(name, (self.devices | self.more)[name], tmp,
                           f"phb{number}.0"))


class PseriesBridge(Pseries):
    """One with SLOF, which finds what is behind a bridge: a PE below a PE."""

    options = ["pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,"
               "cap-ccf-assist=off" if option.startswith("pseries,") else option
               for option in Pseries.options]
    devices = BRIDGE
    more = {}


class PseriesStock(Pseries):
    """The same without EEH."""

    built = None


class Powernv9(Pseries):
    """A POWER9 without hypervisor, whose EEH knows no errors by itself."""

    # With defaults: they are its root ports and what powers it off.
    options = ["-M", "powernv9", "-accel", "tcg", "-net", "none",
               "-global", "virtio-net-pci.romfile="]
    memory = 2048

    # It has six host bridges, the last is for the result port.
    devices = {name: Pseries.devices[name]
               for name in ["n0", "r0", "b0", "v0", "e0"]}
    more = {}
    built = None
    port = ["-device", "virtio-serial-pci,id=serial,bus=pcie.5" + PCI]

    def device(self, name, number, tmp):
        """QEMU's options for the device NAME, the NUMBERth one."""
        return function(name, self.devices[name], tmp, f"pcie.{number - 1}")


# The first one of an architecture is what its tests have if they do not choose.
MACHINES = {"s390x": {"s390x": S390x, "s390x-aware": S390xAware}, "x86": {"x86": X86},
            "ppc64le": {"pseries": Pseries, "pseries-bridge": PseriesBridge,
                        "pseries-stock": PseriesStock, "powernv9": Powernv9}}


def machine(build, name=None):
    """The machine for a build of the kernel, see set_build in lib.sh."""
    machines = MACHINES[build.split("-")[0]]
    return machines[name or next(iter(machines))]()
