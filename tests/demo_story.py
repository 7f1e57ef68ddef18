# SPDX-License-Identifier: GPL-2.0
"""What tests/demo tells of its two guests, after judging that it is so."""
import collections
import errno
import os
import re
import sys
import textwrap

FUNCTION = "0001:00:00.0"
WIDTH = 80

TRACE = re.compile(r"\s(\d+\.\d+): (\w+): (.*)$")
LOG = re.compile(r"^\[ *(\d+\.\d+)\] (.*)$")
COLOURS = {"good": 32, "bad": 31, "title": 1, "dim": 2}

Row = collections.namedtuple(
    "Row", "ms step device driver took result colour")


class Broken(Exception):
    """Something is not as it should be."""


class Facts:
    """What a guest found, "key value" lines of tests/demo-guest."""

    def __init__(self, mode):
        self.mode = mode
        self.facts = collections.defaultdict(list)

    def add(self, line):
        key, _, value = line.rstrip("\n").partition(" ")
        self.facts[key].append(value)
        return key, value

    def check(self, condition, text):
        if not condition:
            raise Broken(f"with pci_recovery={self.mode} {text}")

    def all(self, key):
        return self.facts.get(key, [])

    def one(self, key):
        return self.all(key)[0] if self.all(key) else ""

    def trace(self):
        """(seconds, event, fields) of each line of the trace."""
        for line in self.all("trace"):
            match = TRACE.search(line)
            if not match or match[2] == "tracing_mark_write":
                continue
            fields = dict(re.findall(r"(\w+)=(\S+)", match[3]))
            if fields.get("dev_name", FUNCTION) == FUNCTION:
                yield float(match[1]), match[2], fields

    def marks(self):
        """When the script in the guest did what, the last time."""
        return {match[3].removeprefix("demo: "): float(match[1])
                for match in map(TRACE.search, self.all("trace"))
                if match and match[2] == "tracing_mark_write"}

    def log(self, text, since=0):
        """(seconds, line) of the kernel's first line with that text."""
        for match in map(LOG.match, self.all("log")):
            if match and text in match[2] and float(match[1]) >= since:
                return float(match[1]), match[2]
        raise Broken(f"with pci_recovery={self.mode} the kernel does not say "
                     f"'{text}'")

    def uevents(self, path):
        """What user space was told of the paths that end so."""
        return [event.split()[0] for event in self.all("uevent")
                if event.endswith(path)]


def row_of(event, fields, ms):
    """The row for an event of the trace; None if it gets none."""
    took = int(fields["us"]) / 1000 if "us" in fields else None
    result, colour = None, None
    step = fields.get("step", event.rpartition("_")[2])
    if event == "pci_recovery_begin":
        result = "episode " + fields["episode"]
    elif event == "pci_recovery_vote":
        result = fields["vote"]
    elif event == "pci_recovery_step":
        ms = max(0, ms - took)
        failed = -int(fields["result"])
        result = "ok"
        if failed:
            result = "failed: " + errno.errorcode.get(failed, str(failed))
        colour = "bad" if failed else "good"
    elif event == "pci_recovery_end":
        result = f"{fields['outcome']} by {fields['rung']}"
        colour = "good" if fields["outcome"] == "recovered" else "bad"
    else:
        return None
    return Row(ms, step, fields["dev_name"], fields.get("driver", "-"), took,
               result, colour)


class Story:
    """What became of the function: what to print of a guest."""

    def __init__(self, guest):
        self.guest = guest
        self.marks = guest.marks()
        self.driver = guest.one("driver")
        self.netdev = guest.one("before.netdev").split()[0]
        self.find_error()
        self.tell()

    def find_error(self):
        """When it was, in seconds since boot, as all times that are in no row."""
        self.zero, line = self.guest.log("reports an error")
        self.pec = re.search(r"Event (\w+)", line)[1]

    def since_error(self, mark):
        return (self.marks[mark] - self.zero) * 1000

    def span(self, begin, end, step, device, driver, result, colour):
        """The row of something that the script in the guest did."""
        at = self.since_error(begin)
        return Row(at, step, device, driver, self.since_error(end) - at,
                   result, colour)

    def error_rows(self):
        """Both begin so: the ping makes the function's next DMA, it faults."""
        yield self.span("ping", "silence", "ping", self.netdev, "virtio_net",
                        "no answer", "bad")
        yield Row(0, "error event", FUNCTION, self.driver, None,
                  "PEC " + self.pec, "bad")

    def answer_rows(self):
        """They end so if the function healed."""
        netdev = self.guest.one("after.netdev").split()[0]
        if "netdev" in self.marks:
            yield self.span("netdev", "again", "link up", netdev, "virtio_net",
                            "ok", "good")
        yield self.span("again", "answer", "ping", netdev, "virtio_net",
                        "answered", "good")

    def kept(self):
        """(kept?, what, evidence) of all that could be lost."""
        def both(what):
            before = self.guest.one("before." + what)
            after = self.guest.one("after." + what)
            return before == after, f"{before} before, {after} after"
        kept, evidence = both("inode")
        yield kept, "pci_dev", "inode " + evidence
        told = self.guest.uevents("/" + FUNCTION)
        yield (None, "  uevents", ", ".join(told)
               + ("" if {"add", "remove"} & set(told) else "; no remove, no add"))
        yield both("path")[0], "sysfs path", self.guest.one("after.path")
        kept, evidence = both("group")
        yield kept, "IOMMU group", evidence
        kept, evidence = both("netdev")
        yield kept, "netdev", evidence
        told = self.guest.uevents("/net/" + self.netdev)
        yield None, "  uevents", ", ".join(told) or "none"


class Off(Story):
    """Without recovery: it is dead, and recover hangs."""

    title = "pci_recovery=off: what upstream does"
    colour = "bad"

    def tell(self):
        guest = self.guest
        guest.check("answer" not in self.marks, "the function healed")
        guest.check(not guest.all("recover"), "recover "
                    f"{guest.one('recover')} instead of hanging")
        self.gave_up_at, self.why = guest.log("does not support error recovery")
        # Frames are "[<0>] vp_reset+0x3a/0x98".
        self.stack = [frame.split()[-1].split("+")[0]
                      for frame in guest.all("stack") if "sleep" not in frame]
        guest.check(self.stack, "nobody knows where recover hangs")

    def rows(self):
        yield from self.error_rows()
        yield Row((self.gave_up_at - self.zero) * 1000, "give up", FUNCTION,
                  self.driver, None, "left as it is", "bad")
        yield self.span("recover", "recovered", "recover", FUNCTION,
                        self.driver, "hangs", "bad")

    def notes(self):
        yield "kernel: " + self.why
        yield "recover is stuck in " + " < ".join(self.stack[:6]) + " < ..."

    def summary(self):
        hung = self.marks["recovered"] - self.marks["recover"]
        return (f"dead for ever (gave up after "
                f"{self.since_error('end') / 1000:.0f} s); recover hung for "
                f"{hung:.0f} s, in {self.stack[0]}()")


class On(Story):
    """With recovery: it heals, and is the same pci_dev."""

    title = "pci_recovery=on: the same error, the same kernel"

    def tell(self):
        guest = self.guest
        self.events = list(guest.trace())
        ends = [fields for _, event, fields in self.events
                if event == "pci_recovery_end"]
        guest.check([end["outcome"] for end in ends] == ["recovered"],
                    "the function was not recovered")
        guest.check("answer" in self.marks, "ping does not work again")
        guest.check("silence" in self.marks, "ping did not notice the error")
        self.end = ends[0]
        # The trace may know of the error before the log does.
        self.zero = next((seconds for seconds, event, _ in self.events
                          if event == "zpci_recovery_event"), self.zero)
        for what in "inode", "path", "group":
            guest.check(guest.one("before." + what) ==
                        guest.one("after." + what),
                        f"the function's {what} is another than before")
        told = guest.uevents("/" + FUNCTION)
        guest.check(told, "nobody saw the uevents")
        guest.check(not {"add", "remove"} & set(told),
                    "the function was removed and added")

        guest.check(guest.one("before.netdev") == guest.one("after.netdev"),
                    "the netdev is another than before")
        # Of a disk in use, which failed after that.
        self.passes = (int(guest.one("disk.after") or 0)
                       - int(guest.one("disk.before") or 0))
        guest.check(self.passes > 0, "the disk did not heal")
        guest.check(not guest.one("disk.errors"), "there were errors on the "
                    f"disk: {guest.one('disk.errors')}")
        # And of one whose driver cannot go on.
        guest.check(guest.one("rng.end") == "recovered by rebind",
                    "the random number generator was not bound again")
        guest.check(guest.one("rng.works"),
                    "the random number generator does not work")
        guest.check(guest.one("rng.before") == guest.one("rng.after"),
                    "the random number generator is another than before")

    def kept(self):
        yield from super().kept()
        yield (True, "disk in use", f"{self.passes} passes since its error, "
               "all verified, no error seen")
        yield (True, "virtio-rng", "unbound, reset, bound; pci_dev inode "
               f"{self.guest.one('rng.before')} before, "
               f"{self.guest.one('rng.after')} after")

    def rows(self):
        yield from self.error_rows()
        for seconds, event, fields in self.events:
            row = row_of(event, fields, (seconds - self.zero) * 1000)
            if row:
                yield row
        yield from self.answer_rows()

    def notes(self):
        yield "kernel: " + self.guest.log("recovered by")[1]

    def summary(self):
        return (f"healed in {self.since_error('answer'):.0f} ms, till ping "
                f"answered; the {self.end['rung']} took "
                f"{int(self.end['us']) / 1000:.0f} ms of it")


def paint(colour, text):
    if (not colour or not sys.stdout.isatty() or os.environ.get("NO_COLOR")):
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[m"


def show_timeline(story):
    print("\n" + paint("title", story.title))
    print(paint("dim", f"{'ms':>8}  {'step':14}  {'device':12}  {'driver':10}"
                       f"  {'took ms':>7}  result"))
    for row in story.rows():
        took = "-" if row.took is None else f"{row.took:.1f}"
        print(f"{row.ms:8.1f}  {row.step:14}  {row.device:12}  "
              f"{row.driver:10}  {took:>7}  {paint(row.colour, row.result)}")
    for note in story.notes():
        print(textwrap.fill(note, WIDTH, initial_indent="  ",
                            subsequent_indent="    "))


def show_kept(story, text=""):
    print("\n" + paint("title", "What was kept, what was re-created" + text))
    words = {True: "kept", False: "re-created", None: ""}
    for kept, what, evidence in story.kept():
        word = paint("good" if kept else None, f"{words[kept]:10}")
        print(f"  {word}  {what:11}  {evidence}")


def show(off, on, what):
    print(f"Linux {on.guest.one('release')} on {what} of {FUNCTION}, with and "
          "without recovery")
    show_timeline(off)
    show_timeline(on)
    # What is dead for ever is neither.
    if off.guest.all("after.inode"):
        show_kept(off, ", off")
        show_kept(on, ", on")
    else:
        show_kept(on)
    print()
    print("off: " + paint(off.colour, off.summary()))
    print("on:  " + paint("good", on.summary()))
    print("Times are since the error, in the guest's clock, and those of an "
          "emulated\nmachine: compare them, do not expect them.")
