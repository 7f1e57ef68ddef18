# SPDX-License-Identifier: GPL-2.0-or-later
"""RTAS calls, loads and stores to functions in a QEMU without a guest."""
import itertools
import json
import socket
import struct
import subprocess
import tempfile

# Guest memory for the arguments of RTAS calls, and for their buffers
ARGS = 0x100000
BUFFER = 0x110000

# RTAS statuses
HW_ERROR, PARAM_ERROR, OPEN, UNEXPECTED = -1, -3, -4, -7
NO_ERRORS = 1
# Before a call where its results will be
NOTHING = 0x5a5a5a5a

# ibm,set-eeh-option and ibm,set-slot-reset
ENABLE, THAW_IO, THAW_DMA = 1, 2, 3
DEACTIVATE, HOT, FUNDAMENTAL = 0, 1, 3

# set-indicator
ISOLATION_STATE = 9001

# PE states
NORMAL, RESET, FROZEN, NO_DMA, UNAVAILABLE = 0, 1, 2, 4, 5

BUID = 0x800000020000000
ONES = {1: 0xff, 2: 0xffff, 4: 0xffffffff}

COMMAND, BAR0, BRIDGE_BUSES = 0x04, 0x10, 0x18
BAR2 = 0x18
# Memory space and bus master; I/O space
ON = 6
IO = 1

# Where I/O ports of the PHB with index 1 are
PORTS = (1 << 45) + (1 << 16)

# The registers of an edu, which are of the target's endianness
EDU_ID, EDU_SRC, EDU_DST, EDU_COUNT, EDU_CMD = 0, 0x80, 0x88, 0x90, 0x98
EDU_BUFFER = 0x40000

SECOND = 10 ** 9


class Machine:
    """QEMU with the devices of a test."""

    def __init__(self, qemu, devices):
        self.log = tempfile.NamedTemporaryFile(prefix="test-eeh.")
        qtest, qemu_qtest = socket.socketpair()
        qmp, qemu_qmp = socket.socketpair()
        fds = [qemu_qtest.fileno(), qemu_qmp.fileno()]
        command = [qemu, "-M", "pseries,x-vof=on,cap-cfpc=broken,"
                   "cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
                   "-accel", "qtest", "-m", "256", "-nodefaults",
                   "-display", "none",
                   "-d", "guest_errors", "-D", self.log.name,
                   "-chardev", f"socket,id=qtest,fd={fds[0]}",
                   "-qtest", "chardev:qtest", "-qtest-log", "/dev/null",
                   "-chardev", f"socket,id=qmp,fd={fds[1]}",
                   "-mon", "chardev=qmp,mode=control"]
        for device in devices:
            command += ["-device", device]
        self.process = subprocess.Popen(command, pass_fds=fds,
                                        stdin=subprocess.DEVNULL)
        qemu_qtest.close()
        qemu_qmp.close()
        for sock in qtest, qmp:
            sock.settimeout(60)
        self.qtest = qtest.makefile("rw")
        self.monitor = qmp.makefile("rw")
        self.monitor.readline()
        self.qmp("qmp_capabilities")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def logged(self, text):
        """How many lines of QEMU's log have this text?"""
        with open(self.log.name, encoding="utf-8") as log:
            return sum(text in line for line in log)

    def command(self, *words):
        """A qtest command; its answer without "OK"."""
        self.qtest.write(" ".join(str(word) for word in words) + "\n")
        self.qtest.flush()
        answer = self.qtest.readline().split()
        if not answer or answer[0] != "OK":
            raise RuntimeError(f"qtest {words}: {answer}")
        return answer[1:]

    def load(self, addr):
        return int(self.command("readl", hex(addr))[0], 16)

    def store(self, addr, value):
        self.command("writel", hex(addr), hex(value))

    def memory(self, addr, size):
        return bytes.fromhex(self.command("read", hex(addr), size)[0][2:])

    def wait(self, seconds):
        self.command("clock_step", int(seconds * SECOND))

    def rtas(self, name, outputs, *args):
        """An RTAS call; what it returns, the status first."""
        for number, arg in enumerate(args):
            self.store(ARGS + 4 * number, arg & 0xffffffff)
        rets = ARGS + 4 * len(args)
        for number in range(outputs):
            self.store(rets + 4 * number, NOTHING)
        self.command("rtas", name, len(args), hex(ARGS), outputs, hex(rets))
        return list(struct.unpack(f">{outputs}i",
                                  self.memory(rets, 4 * outputs)))

    def qmp(self, command, **arguments):
        """A QMP command's answer, or the description of its error."""
        self.monitor.write(json.dumps({"execute": command,
                                       "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return answer["error"]["desc"]

    def get(self, name, prop):
        return self.qmp("qom-get", path="/machine/peripheral/" + name,
                        property="eeh-" + prop)

    def set(self, name, prop, value):
        return self.qmp("qom-set", path="/machine/peripheral/" + name,
                        property="eeh-" + prop, value=value)

    def unplug(self, name, devfn):
        """Have a function unplugged, as the guest would."""
        answer = self.qmp("device_del", id=name)
        assert answer == {}, answer
        drc = 4 << 28 | 1 << 16 | devfn
        return self.rtas("set-indicator", 1, ISOLATION_STATE, drc, 0)[0]

    def reset(self):
        self.qmp("system_reset")
        # It is asked for here, and done by the main loop.
        for _ in range(1000):
            if not self.get("phb", "enabled"):
                return
            self.wait(0)
        raise RuntimeError("no reset, or EEH is still enabled")


class Function:
    """A PCI function below the PHB, and its PE, as RTAS sees them."""

    def __init__(self, machine, name, devfn, bus=0):
        self.machine = machine
        self.name = name
        self.config_addr = bus << 16 | devfn << 8
        self.phb = [(BUID + 1) >> 32, (BUID + 1) & 0xffffffff]
        status, self.pe = self.rtas("ibm,get-config-addr-info2", 2,
                                    self.config_addr, *self.phb, 0)
        assert status == 0, "no PE"
        self.bar = None

    def rtas(self, *args):
        return self.machine.rtas(*args)

    def option(self, option):
        return self.rtas("ibm,set-eeh-option", 1, self.pe, *self.phb,
                         option)[0]

    def slot_reset(self, option):
        return self.rtas("ibm,set-slot-reset", 1, self.pe, *self.phb,
                         option)[0]

    def state(self):
        return self.rtas("ibm,read-slot-reset-state2", 4, self.pe,
                         *self.phb)[1]

    def unavailable(self):
        return self.rtas("ibm,read-slot-reset-state2", 4, self.pe,
                         *self.phb)[3]

    def configure(self):
        return self.rtas("ibm,configure-pe", 1, self.pe, *self.phb)[0]

    def log(self, severity, driver=b"", size=2048):
        """Status and error log."""
        for number in range(0, len(driver), 4):
            self.machine.store(BUFFER + 4096 + number, struct.unpack(
                ">I", driver[number:number + 4])[0])
        status = self.rtas("ibm,slot-error-detail", 1, self.pe, *self.phb,
                           BUFFER + 4096, len(driver), BUFFER, size,
                           severity)[0]
        return status, self.machine.memory(BUFFER, size)

    def read(self, where, size=4):
        status, value = self.rtas("ibm,read-pci-config", 2,
                                  self.config_addr | where, *self.phb, size)
        assert status == 0, f"config read: {status}"
        return value & ONES[size]

    def write(self, where, value, size=4):
        status, = self.rtas("ibm,write-pci-config", 1,
                            self.config_addr | where, *self.phb, size, value)
        assert status == 0, f"config write: {status}"

    def get(self, prop):
        return self.machine.get(self.name, prop)

    def set(self, prop, value):
        return self.machine.set(self.name, prop, value)

    def freeze(self):
        self.set("frozen", True)


class Edu(Function):
    """An edu, which can be told to do DMA."""

    number = itertools.count()

    def start(self):
        """Give it an address, and enable it."""
        address = 0x80000000 + 0x100000 * next(self.number)
        self.write(BAR0, address)
        self.write(COMMAND, ON, 2)
        # 1 TB for each PHB's 64 bit window, 2 GB for its 32 bit one.
        self.bar = (1 << 45) + (1 << 31) + (1 << 31) + address - 0x80000000

    def ready(self):
        self.start()
        assert self.option(ENABLE) == 0
        return self

    def id(self):
        return self.machine.load(self.bar + EDU_ID)

    def dma(self, addr, write=True, wait=0.2):
        for register, value in ((EDU_SRC, EDU_BUFFER if write else addr),
                                (EDU_DST, addr if write else EDU_BUFFER),
                                (EDU_COUNT, 16), (EDU_CMD, 3 if write else 1)):
            self.machine.command("writeq", hex(self.bar + register),
                                 hex(value))
        if wait:
            self.machine.wait(wait)

    def words(self, function, addr, mask, token):
        """Write down what to inject."""
        words = [addr, mask]
        if token != 7:
            words = [addr >> 32, addr, mask >> 32, mask]
        words += [self.config_addr, *self.phb, function]
        for number, word in enumerate(words):
            self.machine.store(BUFFER + 4 * number, word & 0xffffffff)

    def inject(self, function, addr=0, mask=0, token=7, session=None):
        """Inject an error in a session of its own, if none is given."""
        own = session is None
        if own:
            session = self.rtas("ibm,open-errinjct", 2)[0]
        self.words(function, addr, mask, token)
        status, = self.rtas("ibm,errinjct", 1, token, session, BUFFER)
        if own:
            self.rtas("ibm,close-errinjct", 1, session)
        return status


def same(what, expected, found):
    assert expected == found, f"{what}: {found}, not {expected}"


def put(edu, state):
    """Into a state; 6 is permanently unavailable."""
    edu.set("permanent", False)
    edu.set("unavailable", 0)
    edu.slot_reset(HOT)
    edu.slot_reset(DEACTIVATE)
    edu.start()
    if state in (FROZEN, NO_DMA):
        edu.freeze()
    if state == NO_DMA:
        edu.option(THAW_IO)
    if state == RESET:
        edu.slot_reset(HOT)
    if state == UNAVAILABLE:
        edu.set("unavailable", 1000)
    if state == 6:
        edu.set("permanent", True)
