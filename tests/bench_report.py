# SPDX-License-Identifier: GPL-2.0
"""What tests/bench shows of its measurements: tables, and a plot as SVG."""
import collections
import math
import statistics

# 150 and 1000 functions, in times of one.
GOALS = {150: 1.5, 1000: 3.0}

CLOCKS = {"instructions": "by instructions", "host": "by the host's clock"}
COLOURS = {"aware": "#1b6ca8", "unaware": "#c0392b", "mixed": "#2e8b57"}

Times = collections.namedtuple("Times", "median low high runs extrapolated")


class Report:
    """Of what tests/bench wrote into its JSON file."""

    def __init__(self, data):
        self.data = data
        self.recover = collections.defaultdict(list)
        self.hotplug = collections.defaultdict(list)
        self.busy = collections.defaultdict(list)
        for result in data["results"]:
            if result["what"] != "recover" or result["guest"] == "on":
                continue
            key = (result["clock"], result["drivers"], result["call_ms"],
                   result["hotplug"])
            self.recover[key + (result["how"], result["n"])].append(
                result["us"] / 1000)
            self.busy[key + (result["how"], result["n"])].append(
                result["busy_us"] / 1000)
            if "hotplug_ns" in result:
                self.hotplug[key + (result["how"], result["n"])].append(
                    result["hotplug_ns"])
        self.numbers = sorted({key[-1] for key in self.recover})
        self.rows = list(dict.fromkeys(key[:4] for key in self.recover))

    def times(self, row, how, number):
        """Times, or None; what takes too long follows from shorter ones."""
        found = self.recover.get(row + (how, number))
        if found:
            return Times(statistics.median(found), min(found), max(found),
                         len(found), False)
        shorter = [key[-1] for key in self.recover
                   if key[:5] == row + (how,) and key[-1] < number]
        if how != "serial" or not shorter:
            return None
        times = self.times(row, how, max(shorter))
        factor = number / max(shorter)
        return Times(times.median * factor, times.low * factor,
                     times.high * factor, 0, True)

    def ratio(self, row, number):
        """To the time of one, and of the serial loop to ours."""
        one = self.times(row, "together", 1)
        ours = self.times(row, "together", number)
        serial = self.times(row, "serial", number)
        return (ours.median / one.median,
                serial and serial.median / ours.median,
                bool(serial and serial.extrapolated))

    def waits(self, row, how, number):
        """For the rescan/remove lock, in ms: the worst of all runs."""
        found = self.hotplug.get(row + (how, number))
        if not found:
            return None
        return {name: max(wait[name] for wait in found) / 1e6
                for name in ("p50", "p99", "max")}

    def find(self, what, **fields):
        return [r for r in self.data["results"] if r["what"] == what
                and all(r.get(k) == v for k, v in fields.items())]

    def summary(self):
        """Of each row, for the JSON file."""
        result = []
        for row in self.rows:
            entry = dict(zip(("clock", "drivers", "call_ms", "hotplug"), row))
            for number in self.numbers:
                to_one, to_ours, guessed = self.ratio(row, number)
                entry[str(number)] = {
                    "together_ms": self.times(row, "together", number),
                    "serial_ms": self.times(row, "serial", number),
                    "to_one": to_one, "serial_to_ours": to_ours,
                    "serial_extrapolated": guessed,
                    "hotplug_wait_ms": self.waits(row, "together", number)}
            result.append(entry)
        return result

    # The tables

    def head(self):
        data = self.data
        yield (f"Recovery of PCI functions that fail together, each its own PE; "
               f"a reset takes {data['reset_ms']} ms.")
        yield (f"{data['kernel']}, {data['cpus']} CPUs, median (min..max) of "
               f"{data['runs']} runs.")
        if data["kvm"]:
            yield "Measured in a guest, with KVM."
            return
        yield "EMULATED: there is no KVM here.  Times say nothing of any machine,"
        yield "compare them only with each other."
        yield "  by instructions      a CPU's time is 1 ns for each instruction,"
        yield "                       the 2 CPUs take turns"
        yield "  by the host's clock  they run in parallel, slowly, and share the"
        yield "                       host with whatever else it does"

    def cell(self, times):
        if times is None:
            return "-"
        if times.extrapolated:
            return f"~{times.median:.0f}"
        if times.runs == 1:
            return f"{times.median:.0f}"
        return f"{times.median:.0f} ({times.low:.0f}..{times.high:.0f})"

    def name(self, row):
        _, drivers, call_ms, hotplug = row
        return (f"{drivers:8}{call_ms:3} ms  "
                f"{'yes' if hotplug else 'no':8}")

    def times_table(self, clock):
        yield (f"Time in ms, {CLOCKS[clock]}; serial: the reference loop, "
               "one PE after the other;")
        yield "  ~ extrapolated"
        yield ("drivers  calls  hotplug how    "
               + "".join(f"{n:>22}" for n in self.numbers))
        for row in self.rows:
            for how in "together", "serial":
                cells = [self.cell(self.times(row, how, n))
                         for n in self.numbers]
                if row[0] == clock and set(cells) != {"-"}:
                    yield (f"{self.name(row)}"
                           f"{'ours' if how == 'together' else how:7}"
                           + "".join(f"{cell:>22}" for cell in cells))

    def ratio_row(self, row):
        line = self.name(row)
        for number in GOALS:
            line += f"{self.ratio(row, number)[0]:9.2f}"
        for number in GOALS:
            _, ratio, guessed = self.ratio(row, number)
            cell = f"{'~' * guessed}{ratio:.1f}" if ratio else "-"
            line += f"{cell:>9}"
        busy = self.busy[row + ("together", max(self.numbers))]
        line += f"{statistics.median(busy):8.0f}"
        waits = self.waits(row, "together", max(self.numbers))
        line += "".join(f"{waits[p]:8.1f}" for p in waits) if waits else 24 * " "
        waits = self.waits(row, "serial", max(self.numbers))
        line += f"{waits['p99']:8.1f}" if waits else 8 * " "
        return line + "  " + ("ok" if self.met(row) else "NOT MET")

    def met(self, row):
        return all(self.ratio(row, n)[0] <= goal for n, goal in GOALS.items())

    def ratio_table(self, clock):
        most = max(self.numbers)
        yield (f"Ratios, {CLOCKS[clock]}.  While {most} recovered, in ms: CPU time "
               "of all CPUs;")
        yield ("how long hotplug waited for the rescan/remove lock (sp99: with "
               "the serial loop).")
        yield ("Goals: " + ", ".join(f"{n}/1 at most {goal:g}"
                           for n, goal in GOALS.items()))
        yield ("drivers  calls  hotplug " + "".join(f"{f'{n}/1':>9}" for n in GOALS)
               + "".join(f"{f'ser/{n}':>9}" for n in GOALS)
               + "".join(f"{p:>8}" for p in ("CPU", "p50", "p99", "max", "sp99"))
               + "  goals")
        for row in self.rows:
            if row[0] == clock:
                yield self.ratio_row(row)

    def costs(self):
        yield "Costs"
        for result in self.find("publish"):
            yield self.cost_line(
                f"report seen by who {result['how']}s, remove() hangs, "
                + self.unit(result, "us"), result["ns"],
                1 if result["clock"] == "instructions" else 1e3)
        for result in self.find("intake"):
            yield self.cost_line(
                f"a report, PE {result['pe']}, {self.unit(result, 'ns')}",
                result["ns"], 1)
        for result in self.find("memory")[:1]:
            yield (f"memory: {result['pci_pe']} bytes a PE, "
                   f"{result['pci_pe_fn_allocated']} a function, "
                   f"{result.get('stash_allocated', 0)} for its config space, "
                   f"none in struct pci_dev ({result['pci_dev']} bytes)")
        yield from self.off_costs()

    def unit(self, result, time):
        """Of a short time: one instruction is 1 ns."""
        return "insns" if result["clock"] == "instructions" else time

    def cost_line(self, name, ns, unit):
        return (f"{name:50} p50 {ns['p50'] / unit:9.1f}  "
                f"p99 {ns['p99'] / unit:9.1f}  max {ns['max'] / unit:9.1f}")

    def off_costs(self):
        """The core with nothing to do, and pci_recovery=off."""
        for what, field, text in (("add", "add_ns", "a function is added"),
                                  ("add", "del_ns", "a function is removed"),
                                  ("boot", "s", "boot until /init")):
            for drivers in ("aware", "unaware") if what == "add" else (None,):
                on, off = [[r[field]["p50"] if what == "add" else r[field] * 1e9
                            for r in self.find(what, guest=guest, drivers=drivers)
                            ] for guest in ("on", "off")]
                if not on or not off:
                    continue
                ratio = statistics.median(on) / statistics.median(off)
                spread = [f"{min(x) / 1e3:.1f}..{max(x) / 1e3:.1f}"
                          for x in (on, off)]
                yield (f"{text + (f', {drivers}' if drivers else ''):32}"
                       f"on/off {ratio:.3f}  (on {spread[0]}, off {spread[1]} us)")
        cold = self.find("recover", guest="on")
        if cold:
            times = [r["us"] / 1000 for r in cold]
            yield (f"{cold[0]['n']} {cold[0]['drivers']} functions, the first ever "
                   f"to fail since boot: {statistics.median(times):.0f} "
                   f"({min(times):.0f}..{max(times):.0f}) ms")

    def text(self):
        yield from self.head()
        for clock in dict.fromkeys(row[0] for row in self.rows):
            yield ""
            yield from self.times_table(clock)
            yield ""
            yield from self.ratio_table(clock)
        yield ""
        yield from self.costs()
        yield ""

    # The plot

    def svg(self):
        return Plot(self).svg()


class Plot:
    """Recovery time against number of PEs, both logarithmic."""

    width, height = 760, 520
    left, right, top, bottom = 70, 150, 60, 60

    def __init__(self, report):
        self.report = report
        clock = report.rows[0][0]
        self.rows = [(clock, drivers, 0, 0) for drivers in COLOURS
                     if (clock, drivers, 0, 0) in report.rows]
        points = [point for row in self.rows for how in ("together", "serial")
                  for point in self.points(row, how)]
        self.most = 10 ** math.ceil(math.log10(max(t.high for _, t in points)))
        self.least = 10 ** math.floor(math.log10(min(t.low for _, t in points)))

    def points(self, row, how):
        return [(n, times) for n in self.report.numbers
                if (times := self.report.times(row, how, n))]

    def x(self, number):
        part = math.log10(number) / math.log10(max(self.report.numbers))
        return self.left + part * (self.width - self.left - self.right)

    def y(self, ms):
        part = math.log10(ms / self.least) / math.log10(self.most / self.least)
        return self.height - self.bottom - part * (
            self.height - self.top - self.bottom)

    def text(self, x, y, text, style=""):
        return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{text}</text>'

    def axes(self):
        right, bottom = self.width - self.right, self.height - self.bottom
        ms = self.least
        while ms <= self.most:
            yield (f'<path d="M{self.left} {self.y(ms):.1f}H{right}" '
                   'stroke="#ddd"/>')
            yield self.text(self.left - 8, self.y(ms) + 4, f"{ms:g}",
                            'text-anchor="end"')
            ms *= 10
        for number in self.report.numbers:
            yield (f'<path d="M{self.x(number):.1f} {self.top}V{bottom}" '
                   'stroke="#ddd"/>')
            yield self.text(self.x(number), bottom + 18, number,
                            'text-anchor="middle"')
        yield self.text((self.left + right) / 2, bottom + 42,
                        "PEs that fail together", 'text-anchor="middle"')
        yield self.text(self.left, self.top - 12, "ms until the last works")

    def line(self, row, how):
        points = self.points(row, how)
        if not points:
            return
        colour = COLOURS[row[1]]
        path = " ".join(f"{self.x(n):.1f},{self.y(t.median):.1f}"
                        for n, t in points)
        dash = ' stroke-dasharray="6 4"' if how == "serial" else ""
        yield (f'<polyline points="{path}" fill="none" stroke="{colour}" '
               f'stroke-width="2"{dash}/>')
        for n, t in points:
            yield (f'<path d="M{self.x(n):.1f} {self.y(t.low):.1f}'
                   f'V{self.y(t.high):.1f}" stroke="{colour}"/>')
            yield (f'<circle cx="{self.x(n):.1f}" cy="{self.y(t.median):.1f}" '
                   f'r="3.5" fill="{"white" if t.extrapolated else colour}" '
                   f'stroke="{colour}"/>')

    def legend(self):
        x, y = self.width - self.right + 15, self.top + 10
        for row in self.rows:
            for how in "together", "serial":
                dash = ' stroke-dasharray="6 4"' if how == "serial" else ""
                yield (f'<path d="M{x} {y - 4}h28" stroke-width="2" '
                       f'stroke="{COLOURS[row[1]]}"{dash}/>')
                yield self.text(x + 34, y, row[1]
                                + (", serial" if how == "serial" else ""))
                y += 20

    def svg(self):
        data = self.report.data
        title = (f"Recovery of PCI functions, a reset takes {data['reset_ms']} ms"
                 + ("" if data["kvm"] else " (emulated)"))
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
                 f'height="{self.height}" font-family="sans-serif" '
                 'font-size="12">',
                 f'<rect width="{self.width}" height="{self.height}" '
                 'fill="white"/>',
                 self.text(self.left, 24, title, 'font-size="15"'),
                 *self.axes()]
        for row in self.rows:
            for how in "together", "serial":
                parts += self.line(row, how)
        parts += [*self.legend(), "</svg>"]
        return "\n".join(parts)
