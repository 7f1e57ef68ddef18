# SPDX-License-Identifier: GPL-2.0
"""What must not be in the log of a guest's kernel."""
import re

WARNINGS = re.compile(
    r"WARNING: |\bBUG: |kernel BUG at |Kernel panic|Oops|Unable to handle kernel"
    r"|possible circular locking|possible recursive locking"
    r"|inconsistent lock state|suspicious RCU usage|held when returning"
    r"|INFO: rcu_\w+ .*(stall|detected)|self-detected stall"
    r"|list_(add|del) corruption|refcount_t: |sleeping function called"
    r"|unreferenced object")
HUNG = re.compile(r"INFO: task .* blocked for more than|workqueue lockup")
# Before a data race that is not ours.
OTHERS = "not ours, so left alone: "

# KCSAN: a data race of two accesses, each of them, and a line of its stack.
RACE = re.compile(r"BUG: KCSAN: data-race in \S+.* / ")
ACCESS = re.compile(r"\] .* of \d+ bytes by .* on cpu \d+:$")
FRAME = re.compile(r"\] +([\w.]+)\+0x")
REPORT_END = "=" * 66
# How far up it is still the caller's access: of kfree(), strscpy(), and their like.
NEAR = 3


def stacks_of(report):
    """For each access of KCSAN's report the functions that are near to it."""
    stacks = []
    for line in report:
        match = FRAME.search(line)
        if line.endswith(REPORT_END):
            break
        if ACCESS.search(line):
            stacks.append([])
        elif match and stacks and len(stacks[-1]) < NEAR:
            stacks[-1].append(match[1])
    return stacks


def not_ours(report, ours):
    """Is it a data race that no function of ours is near to?  Upstream has some.

    Unless all is known of it, it is ours.
    """
    if not RACE.search(report[0]) or not ours:
        return False
    stacks = stacks_of(report)
    return (len(stacks) == 2 and all(stacks)
            and not set(ours) & set(stacks[0] + stacks[1]))


def find_bad(log, ours, warnings=True, hung=True):
    """Where in the log is what must not be, and lines with races not of OURS."""
    bad = []
    others = []
    for i, line in enumerate(log):
        if warnings and WARNINGS.search(line):
            if not_ours(log[i:], ours):
                others.append(line)
            else:
                bad.append(i)
        elif hung and HUNG.search(line):
            bad.append(i)
    return bad, others
