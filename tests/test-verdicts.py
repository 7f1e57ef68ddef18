#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What is red becomes red: of a kernel's log, and of what a test says."""
import importlib.machinery
import importlib.util
import os
import sys

sys.dont_write_bytecode = True
import vm_log  # after the above, or it litters

HERE = os.path.dirname(os.path.realpath(__file__))
OURS = ["pci_gate_free", "storm_task", "gate_move.part.0"]
HEAD = "BUG: KCSAN: data-race in __dentry_kill / d_set_d_op"
END = "=" * 66


def load_run():
    """tests/run, which has no suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader("run", HERE + "/run")
    spec = importlib.util.spec_from_loader("run", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def report(head, *stacks, end=END):
    """A kernel's log with what KCSAN prints."""
    lines = ["Booting", END, head, ""]
    for cpu, stack in enumerate(stacks):
        lines.append(f"write to 0xffff888000 of 4 bytes by task 7 on cpu {cpu}:")
        lines += [f" {name}+0x12/0x34" for name in stack] + [""]
    lines += ["value changed: 0x1 -> 0x2", "", end]
    return [f"[   63.964800] {line}" for line in lines]


VFS = ["d_set_d_op", "simple_lookup", "path_openat"]
DPUT = ["__dentry_kill", "dput", "step_into"]
FAR = ["storm_task", "kthread"]
FREE = ["kfree", "pci_gate_free"]
PART = ["memcpy", "strscpy", "gate_move.part.0"]

# Name, the log, our functions, whether it is bad.
LOGS = [
    ("a log without anything", ["[ 1.0] Booting"], OURS, False),
    ("a warning", ["[ 1.0] WARNING: CPU: 0 PID: 1 at x.c:1"], OURS, True),
    ("a hung task",
     ["[ 1.0] INFO: task x:1 blocked for more than 30 seconds."], OURS, True),
    ("a data race of upstream's", report(HEAD, VFS, DPUT), OURS, False),
    ("the same below a thread of ours", report(HEAD, VFS + FAR, DPUT + FAR),
     OURS, False),
    ("a data race of ours with upstream", report(HEAD, VFS, FAR), OURS, True),
    ("a data race in what ours calls", report(HEAD, FREE, DPUT), OURS, True),
    ("a data race in what that calls", report(HEAD, VFS, PART), OURS, True),
    ("a data race, but nobody knows what is ours", report(HEAD, VFS, DPUT), [],
     True),
    ("a data race with one stack", report(HEAD, VFS), OURS, True),
    ("a data race without a stack", report(HEAD), OURS, True),
    ("a data race with an empty stack", report(HEAD, VFS, []), OURS, True),
    ("a data race, and then one of ours",
     report(HEAD, VFS, DPUT) + report(HEAD, VFS, FREE), OURS, True),
    ("a report that ends within a stack",
     report(HEAD, VFS, end="Oops") + report(HEAD, DPUT), OURS, True),
    ("a free of what is used",
     report("BUG: KCSAN: assert: race in kfree / mutex_unlock", VFS, DPUT), OURS,
     True),
    ("a data race with who knows what",
     report("BUG: KCSAN: data-race in d_set_d_op+0x1/0x2", VFS), OURS, True),
]

# Name, exit status, what the test says, its errors, failures, the summary.
OUTCOMES = [
    ("a test that passes", 0, "1..1\n# a\nok 1 x\n", "", 0, []),
    ("one that fails, and says why", 1,
     "1..2\n# a\nok 1 x\n# b\nnot ok 2 y\n# c\n", "e", 1, ["# b"]),
    ("one that fails without a word", 1, "1..1\nnot ok 1 y\n", "e", 1, ["e"]),
    ("one that has no plan", 0, "ok 1 x\n", "e", 1, ["e"]),
    ("one that has too few results", 0, "1..2\nok 1 x\n", "e", 1, ["e"]),
    ("one that loses a result", 0, "1..2\nok 1 x\nok 3 y\n", "", 1, []),
    ("one that exits with an error", 3, "1..1\nok 1 x\n", "e", 1, ["e"]),
    ("a guest that hangs", 124, "1..2\n# b\nnot ok 1 x\n", "e", 2, ["e", "# b"]),
    ("a warning in its kernel's log", 123, "1..1\nok 1 x\n", "e", 1, ["e"]),
]


def judge_log(log, ours, expected):
    bad, others = vm_log.find_bad(log, ours)
    print(f"# bad: {bad}, not ours: {others}")
    races = sum("KCSAN" in line for line in log)
    return bool(bad) == expected and len(bad) + len(others) >= races


def judge_outcome(module, status, text, errors, failures, why):
    outcome = module.Outcome("test-x")
    outcome.finish(status, text, errors)
    print(f"# failures: {outcome.count('fail')}, why: {outcome.why}")
    return outcome.count("fail") == failures and outcome.why == why


def main():
    module = load_run()
    checks = [(name, judge_log, case) for name, *case in LOGS]
    checks += [(name, judge_outcome, [module, *case])
               for name, *case in OUTCOMES]
    print(f"1..{len(checks)}")
    failed = 0
    for number, (name, judge, case) in enumerate(checks, 1):
        good = judge(*case)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
