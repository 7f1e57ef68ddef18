# SPDX-License-Identifier: GPL-2.0
"""What tests/demo tells of its two guests on powerpc.

There the platform isolates a PE and tells nobody, until a read finds it.  Upstream
recovers it, too, but what has no error handlers is removed and added again.
"""
import demo_story
from demo_story import FUNCTION, Row, Story

# What upstream does, by the log: step, its first line, the first after it.
STEPS = [
    ("remove, reset", "Reset with hotplug activity", "Sleep 5s"),
    ("sleep", "Sleep 5s", "Adding to iommu group"),
    ("add", "Adding to iommu group", "Notify device driver to resume"),
]


class Eeh(Story):
    """A function whose PE was isolated."""

    def find_error(self):
        self.guest.check("look" in self.marks, "nobody looked for the error")
        self.zero = self.marks["look"]
        self.pe = self.guest.log("EEH: Recovering ")[1].split()[-1]

    def error_rows(self):
        yield self.span("ping", "silence", "ping", self.netdev, "virtio_net",
                        "no answer", "bad")
        yield Row(0, "read", FUNCTION, self.driver, None,
                  self.pe + " is isolated", "bad")


class Off(Eeh):
    """Upstream's recovery: it heals, and is another pci_dev."""

    title = "pci_recovery=off: what upstream does"
    colour = None

    def tell(self):
        guest = self.guest
        guest.check("silence" in self.marks, "ping did not notice the error")
        guest.check("answer" in self.marks, "upstream did not recover it")
        guest.check({"remove", "add"} <= set(guest.uevents("/" + FUNCTION)),
                    "the function was not removed and added")
        guest.check(guest.one("before.inode") != guest.one("after.inode"),
                    "the pci_dev is the same as before")

    def step(self, step, first, after):
        begin, end = [self.guest.log(text, self.zero)[0]
                      for text in (first, after)]
        return Row((begin - self.zero) * 1000, step, FUNCTION,
                   "-" if step == "sleep" else self.driver,
                   (end - begin) * 1000, "ok", "good")

    def rows(self):
        yield from self.error_rows()
        for step in STEPS:
            yield self.step(*step)
        yield Row(self.ended(), "end", FUNCTION, "-", self.ended(), "successful",
                  "good")
        yield from self.answer_rows()

    def ended(self):
        return (self.guest.log("Recovery successful")[0] - self.zero) * 1000

    def notes(self):
        for text in "Sleep 5s", "Recovery successful":
            yield "kernel: " + self.guest.log(text)[1]

    def summary(self):
        return (f"removed and added again in {self.since_error('answer'):.0f} ms, "
                f"till ping answered; EEH took {self.ended():.0f} ms of it")


class On(Eeh, demo_story.On):
    """With recovery: it heals, and is the same pci_dev."""
