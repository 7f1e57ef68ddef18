# SPDX-License-Identifier: GPL-2.0
"""What tests/bench shows of gates of devices: costs, ratios, and goals."""
import statistics

# What is measured in a guest with each build, and how it is told.
BUILDS = ["x86-plain", "s390x-plain", "ppc64le-plain"]
CLOCKS = {"instructions": "by instructions", "host": "by the host's clock"}
UNITS = {"instructions": "insns", "host": "ns"}

RESOURCES = [1, 16, 256]
FUNCTIONS = 64
DEATHS = 200

SECTIONS = {
    "atomic": "gate, atomic section",
    "sleep": "gate, sleepable section",
    "rcu": "rcu_read_lock()",
    "srcu_fast": "srcu_read_lock_fast()",
    "srcu": "srcu_read_lock()",
    "drm": "the same as in drm_dev_enter()",
    "percpu_rwsem": "percpu_down_read()",
    "refcount": "refcount_inc_not_zero()",
}

# A sleepable section, in times of others; grace periods; and nanoseconds.
GOALS = {"srcu_fast": 2.5, "srcu": 1.0}
GRACE_PERIODS = 2
WAKE = 1e6


def fill(plan, runs, everything):
    """Have a guest measure, each in turn."""
    plan.setup("aware", FUNCTIONS)
    for _ in range(runs):
        plan.add("section 10000", 4)
        if not everything:
            continue
        for how in "gate", "each":
            for number in RESOURCES:
                plan.add(f"revoke {how} {number}")
            plan.add(f"drain {how} {FUNCTIONS}")
        for lock in "free", "held":
            plan.add(f"wake {lock} {DEATHS}")


def spread(values, form="{:.1f}"):
    """Median and range, as text."""
    texts = [form.format(value) for value in
             (statistics.median(values), min(values), max(values))]
    return f"{texts[0]} ({texts[1]}..{texts[2]})"


def verdict(met):
    """Of a goal; None: it cannot be told."""
    return {True: "ok", False: "NOT MET", None: "-"}[met]


class Report:
    """Of what tests/bench measured of gates."""

    def __init__(self, data):
        self.data = data
        self.guests = list(dict.fromkeys(
            (r["build"], r["clock"]) for r in data["results"]))

    def find(self, guest, what, **fields):
        return [r for r in self.data["results"]
                if (r["build"], r["clock"], r["what"]) == guest + (what,)
                and all(r.get(k) == v for k, v in fields.items())]

    # Sections

    def costs(self, guest, kind):
        """Of each round, without that of the loop."""
        return [(r[kind] - r["empty"]) / 1000
                for r in self.find(guest, "section") if kind in r]

    def ratios(self, guest, kind, other):
        """Of each round; none if the other one is free."""
        pairs = list(zip(self.costs(guest, kind), self.costs(guest, other)))
        return [a / b for a, b in pairs if b > 0.5]

    def sections(self, guest):
        yield (f"{'entry and exit':32}{UNITS[guest[1]]:>20}"
               f"{'sleepable to it':>22}{'atomic to it':>22}")
        for kind, text in SECTIONS.items():
            costs = self.costs(guest, kind)
            if not costs:
                yield f"{text:32}{'not in this kernel':>20}"
                continue
            line = f"{text:32}{spread(costs):>20}"
            for ours in "sleep", "atomic":
                ratios = self.ratios(guest, ours, kind)
                line += f"{spread(ratios, '{:.2f}') if ratios else '-':>22}"
            yield line

    def section_met(self, guest, other):
        """Is a sleepable section as fast as it should be?"""
        ratios = self.ratios(guest, "sleep", other)
        if not ratios:
            return None
        return statistics.median(ratios) <= GOALS[other]

    # What is taken away

    def revocations(self, guest):
        """(what, number, text) for each that was measured."""
        for number in RESOURCES:
            yield "revoke", number, f"{number} resources of a function"
        yield "drain", FUNCTIONS, f"{FUNCTIONS} functions"

    def periods(self, guest, what, how, number):
        return [r["grace_periods"] for r in
                self.find(guest, what, how=how, n=number)]

    def times(self, guest, what, how, number):
        return [r["us"] / 1000 for r in
                self.find(guest, what, how=how, n=number)]

    def revoke_table(self, guest):
        yield (f"{'until nobody uses':28}{'grace periods':>14}{'ms':>22}"
               f"{'one each: periods':>19}{'ms':>26}")
        for what, number, text in self.revocations(guest):
            line = f"{text:28}"
            for how, wide in ("gate", (14, 22)), ("each", (19, 26)):
                periods = self.periods(guest, what, how, number)
                most = f"{statistics.median(periods):.0f} (..{max(periods)})"
                line += (f"{most:>{wide[0]}}"
                         f"{spread(self.times(guest, what, how, number)):>{wide[1]}}")
            yield line

    def periods_met(self, guest):
        most = self.periods(guest, "revoke", "gate", max(RESOURCES))
        return max(most) <= GRACE_PERIODS if most else None

    # Deaths

    def wakes(self, guest, lock, percentile):
        return [r["ns"][percentile] / 1000 for r in
                self.find(guest, "wake", lock=lock)]

    def wake_table(self, guest):
        yield (f"{'from death to waiter, in us':32}"
               + "".join(f"{p:>26}" for p in ("p50", "p99", "max")))
        for lock, text in (("free", "nobody holds the device lock"),
                           ("held", "a remove() holds it")):
            yield f"{text:32}" + "".join(
                f"{spread(self.wakes(guest, lock, p)):>26}"
                for p in ("p50", "p99", "max"))

    def wake_met(self, guest):
        p99 = [us for lock in ("free", "held")
               for us in self.wakes(guest, lock, "p99")]
        return statistics.median(p99) * 1000 < WAKE if p99 else None

    # All of it

    def goals(self, guest):
        """(text, met) of each."""
        for other, goal in GOALS.items():
            yield (f"a sleepable section is at most {goal:g} times "
                   + SECTIONS[other], self.section_met(guest, other))
        if self.find(guest, "revoke"):
            yield (f"{max(RESOURCES)} resources in at most {GRACE_PERIODS} grace "
                   "periods", self.periods_met(guest))
            yield "from death to waiter p99 below 1 ms", self.wake_met(guest)

    def guest(self, guest):
        yield f"{self.data['kernels'][guest[0]]}, {CLOCKS[guest[1]]}"
        # A clock of an emulator says nothing of single instructions.
        if self.data["kvm"] or guest[1] == "instructions":
            yield from self.sections(guest)
        if self.find(guest, "revoke"):
            yield from self.revoke_table(guest)
            yield from self.wake_table(guest)
        for text, met in self.goals(guest):
            if self.data["kvm"] or guest[1] == "instructions" or (
                    "section" not in text):
                yield f"  {text}: {verdict(met)}"

    def text(self):
        yield "Gates: sections, drains and waits, in turn with what they are compared"
        yield f"with, in one guest each; median (min..max) of {self.data['runs']} rounds."
        if not self.data["kvm"]:
            yield "EMULATED: there is no KVM here.  An instruction is not a time: those"
            yield "that lock the bus or touch a CPU's own count as any other."
        for guest in self.guests:
            yield ""
            yield from self.guest(guest)
        yield ""

    def summary(self):
        """Of each guest, for the JSON file."""
        result = []
        for guest in self.guests:
            entry = {"build": guest[0], "clock": guest[1],
                     "goals": dict(self.goals(guest))}
            for kind in SECTIONS:
                costs = self.costs(guest, kind)
                if costs:
                    entry[kind] = [statistics.median(costs), min(costs),
                                   max(costs)]
            result.append(entry)
        return result
