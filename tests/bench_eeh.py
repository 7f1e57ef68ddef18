# SPDX-License-Identifier: GPL-2.0
"""The part of tests/bench that is about EEH: ours against upstream's.

A pseries guest is booted twice with the same kernel, with pci_recovery=off, where
upstream's recovery runs, and with recovery on.  Functions fail for real, by the
firmware's error injection, see tests/bench-eeh-guest.
"""
import collections
import json
import os
import shutil
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))

# Eight e1000e for the test driver, then those with drivers of their own.
DEVICES = "e0,e1,e2,e3,e4,e5,e6,e7,v0,n0"
APPEND = "loglevel=4 initcall_blacklist=e1000_init_module pci_recovery="
MODES = {"off": "upstream", "on": "ours"}
CLOCKS = {"instructions": "by instructions", "host": "by the host's clock"}
TOGETHER = 8

# (driver, at once): what it is, how often ours has to be as fast
CASES = {
    ("unaware", 1): ("test driver, no handlers", 30),
    ("unaware", TOGETHER): ("the same, 8 PEs at once", 30),
    ("aware", 1): ("test driver, handlers", 1),
    ("aware", TOGETHER): ("the same, 8 PEs at once", 1),
    ("nvme", 1): ("nvme, handlers", 1),
    ("virtio-net", 1): ("virtio-net, no PCI Express", None),
}
# What 8 PEs may take, in times of one.
AT_ONCE = 1.5

Times = collections.namedtuple("Times", "median low high runs")


class Failed(Exception):
    """A guest, or a measurement."""


def output(*command):
    """What a script of ours printed."""
    made = subprocess.run(command, text=True, stdout=subprocess.PIPE)
    if made.returncode:
        raise Failed(command[0] + " failed")
    return made.stdout.strip()


def plans(quick, runs):
    """(clock, mode, runs, runs of eight at once) of each guest."""
    result = []
    for clock in ["instructions"] if quick else CLOCKS:
        for mode in MODES:
            # It waits for upstream, a PE after the other, and all are alike.
            patient = clock == "instructions" or mode == "on"
            result.append((clock, mode, runs, runs if patient else 1))
    return result


def expected(plan):
    """How many results a guest has."""
    return sum(plan[3] if n == TOGETHER else plan[2] for _, n in CASES)


def measure(plan, args, extra, progress):
    """The results of one guest."""
    clock, mode, runs, together = plan
    command = [HERE + "/vm", "--kernel", args.eeh_kernel, "--qemu", args.qemu,
               "--machine", "pseries", "--devices", DEVICES,
               "--timeout", "1200", "--append", APPEND + mode]
    if clock == "instructions":
        command.append("--instructions")
    if mode == "off":
        # Upstream's defects are upstream's.
        command += ["--allow-hung", "--allow-warnings"]
    results = []
    with subprocess.Popen(
            command + ["--", f"sh /bench-eeh-guest {runs} {together}"],
            env=dict(os.environ, EXTRA=extra), text=True,
            stdout=subprocess.PIPE) as guest:
        for line in guest.stdout:
            try:
                result = json.loads(line)
            except ValueError:
                raise Failed("the guest says: " + line.rstrip()) from None
            if result["what"] == "failed":
                raise Failed(f"with pci_recovery={mode} this failed: "
                             + result["command"])
            result.update(guest=mode, clock=clock)
            results.append(result)
            progress.step("eeh, " + MODES[mode])
    if guest.returncode or len(results) != expected(plan):
        raise Failed(f"{len(results)} results instead of {expected(plan)}, "
                     f"status {guest.returncode}")
    return results


def run(args, make_progress):
    """Everything, for the JSON file."""
    args.eeh_kernel = args.eeh_kernel or output(HERE + "/kernel", "ppc64le")
    args.qemu = args.qemu or output(HERE + "/../tools/qemu/build", "ppc64")
    todo = plans(args.quick, args.runs)
    progress = make_progress(sum(map(expected, todo)))
    results = []
    with tempfile.TemporaryDirectory(prefix="bench.") as extra:
        shutil.copy(HERE + "/bench-eeh-guest", extra)
        try:
            for plan in todo:
                results += measure(plan, args, extra, progress)
        finally:
            progress.end()
    return {"kernel": os.path.basename(args.eeh_kernel), "runs": args.runs,
            "results": results}


class Report:
    """Of what run() returned."""

    def __init__(self, data):
        self.data = data
        self.clocks = list(dict.fromkeys(r["clock"] for r in data["results"]))

    def find(self, clock, mode, case):
        return [r for r in self.data["results"]
                if (r["clock"], r["guest"], (r["case"], r["n"]))
                == (clock, mode, case)]

    def times(self, clock, mode, case):
        ms = [r["us"] / 1000 for r in self.find(clock, mode, case)]
        return Times(statistics.median(ms), min(ms), max(ms), len(ms))

    def ratio(self, clock, case):
        """Of upstream's time to ours."""
        return (self.times(clock, "off", case).median
                / self.times(clock, "on", case).median)

    def at_once(self, clock, mode, driver):
        """Of the time of eight PEs to that of one."""
        return (self.times(clock, mode, (driver, TOGETHER)).median
                / self.times(clock, mode, (driver, 1)).median)

    def kept(self, clock, mode, case):
        kept = {r["kept"] for r in self.find(clock, mode, case)}
        return {(True,): "kept", (False,): "new"}.get(tuple(kept), "both")

    def summary(self):
        """Of each row, for the JSON file."""
        return [{"clock": clock, "case": case[0], "n": case[1],
                 "upstream_ms": self.times(clock, "off", case),
                 "ours_ms": self.times(clock, "on", case),
                 "ratio": self.ratio(clock, case), "goal": goal}
                for clock in self.clocks
                for case, (_, goal) in CASES.items()]

    def cell(self, times):
        if times.runs == 1:
            return f"{times.median:.0f}"
        return f"{times.median:.0f} ({times.low:.0f}..{times.high:.0f})"

    def row(self, clock, case):
        text, goal = CASES[case]
        line = f"{text:27}"
        for mode in MODES:
            line += (f"{self.cell(self.times(clock, mode, case)):>22} "
                     f"{self.kept(clock, mode, case):4}")
        ratio = self.ratio(clock, case)
        if goal is None:
            verdict = "-"
        else:
            verdict = f"{goal:g}  " + ("ok" if ratio >= goal else "NOT MET")
        return f"{line}{ratio:8.1f}  {verdict}"

    def table(self, clock):
        yield (f"Time in ms, {CLOCKS[clock]}; is the pci_dev kept, or a new one?")
        yield (f"{'driver':27}" + "".join(f"{name:>22}     "
                                          for name in MODES.values())
               + "   ratio  goal")
        for case in CASES:
            yield self.row(clock, case)
        for driver in "unaware", "aware":
            ours, upstream = [self.at_once(clock, mode, driver)
                              for mode in ("on", "off")]
            yield (f"{TOGETHER} PEs to one, {driver + ':':9} ours {ours:.2f}, "
                   f"upstream {upstream:.2f}; goal at most {AT_ONCE:g}: "
                   + ("ok" if ours <= AT_ONCE else "NOT MET"))

    def text(self):
        yield "EEH: PEs of one function each, upstream's recovery and ours."
        yield (f"{self.data['kernel']}, median (min..max)")
        yield (f"of {self.data['runs']} runs; by the host's clock upstream's 8 PEs "
               "once.")
        yield "From the read that finds the error to the log's last line on a PE that"
        yield "has recovered; by then the driver is bound."
        yield "EMULATED, and a kernel for debugging, but for the proof of its locks: what"
        yield "counts is waits, for the hardware, for others, and upstream's sleep of 5 s."
        for clock in self.clocks:
            yield ""
            yield from self.table(clock)
        yield ""
