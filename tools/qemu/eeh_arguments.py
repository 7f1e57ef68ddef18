# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the EEH model: what is wrong with a call's arguments is an error."""
from eeh_machine import (
    BUFFER, COMMAND, FROZEN, HW_ERROR, NORMAL, NOTHING, ON, ONES, PARAM_ERROR,
    Edu, put, same)

# Calls about a PE: how many results, what comes after PE and BUID, and which
# values of the last argument are none.
PE_CALLS = {
    "ibm,set-eeh-option": (1, [1], (4, 5, 9, ONES[4])),
    "ibm,set-slot-reset": (1, [1], (2, 4, ONES[4])),
    "ibm,read-slot-reset-state2": (4, [], ()),
    "ibm,configure-pe": (1, [], ()),
    "ibm,get-config-addr-info2": (2, [0], (2, 3, ONES[4])),
    "ibm,slot-error-detail": (1, [BUFFER, 0, BUFFER, 64, 1], (0, 3, ONES[4])),
}


def counts(machine, name, outputs, args, error, status=0):
    """A call with an argument or a result more or less is an error."""
    for bad in args[:-1], args + [0]:
        if bad != args:
            same(f"{name} {len(bad)} arguments", error,
                 machine.rtas(name, outputs, *bad)[status])
    if outputs > 1:
        same(f"{name} {outputs - 1} results", error,
             machine.rtas(name, outputs - 1, *args)[0])
    if name != "ibm,read-slot-reset-state2":
        same(f"{name} {outputs + 1} results", error,
             machine.rtas(name, outputs + 1, *args)[status])


def test_arguments(machine):
    """bad arguments of calls about a PE are errors, and have no effect"""
    edu = Edu(machine, "edu", 8).ready()
    for state in NORMAL, FROZEN:
        put(edu, state)
        logs, configures = edu.get("logs"), edu.get("configures")
        hi, lo = edu.phb
        for name, (outputs, more, values) in PE_CALLS.items():
            addr = edu.config_addr if "config-addr" in name else edu.pe
            for bad in [99 << 16, hi, lo], [addr, hi, lo + 9], \
                       [addr, hi + 1, lo], [ONES[4]] * 3:
                same(f"{name} {bad}", PARAM_ERROR,
                     machine.rtas(name, outputs, *bad, *more)[0])
            for value in values:
                same(f"{name} {value}", PARAM_ERROR, machine.rtas(
                    name, outputs, addr, hi, lo, *more[:-1], value)[0])
            counts(machine, name, outputs, [addr, hi, lo, *more], PARAM_ERROR)
        same("state", state, edu.state())
        same("logs", logs, edu.get("logs"))
        same("configures", configures, edu.get("configures"))
        for name, (outputs, more, _) in PE_CALLS.items():
            addr = edu.config_addr if "config-addr" in name else edu.pe
            status = machine.rtas(name, outputs, addr, hi, lo, *more)[0]
            assert status not in (PARAM_ERROR, NOTHING), f"{name}: {status}"


def test_inject_arguments(machine):
    """bad arguments of error injection are errors, and inject nothing"""
    edu = Edu(machine, "edu", 8).ready()
    counts(machine, "ibm,open-errinjct", 2, [], PARAM_ERROR, 1)
    session, status = machine.rtas("ibm,open-errinjct", 2)
    same("open", 0, status)
    for token in 7, 15:
        edu.words(0, 0, 0, token)
        counts(machine, "ibm,errinjct", 1, [token, session, BUFFER],
               PARAM_ERROR)
        for config_addr, buid in ((99 << 16, 0), (edu.config_addr, 9)):
            other = Edu(machine, "edu", 8)
            other.config_addr = config_addr
            other.phb = [edu.phb[0], edu.phb[1] + buid]
            same(f"PE {config_addr} {buid}", PARAM_ERROR,
                 other.inject(0, token=token, session=session))
        for function in 20, 21, ONES[4]:
            same(f"function {function}", PARAM_ERROR,
                 edu.inject(function, token=token, session=session))
    for token in 0, 1, 6, 8, 14, 16, ONES[4]:
        same(f"token {token}", PARAM_ERROR,
             edu.inject(0, token=token, session=session))
    counts(machine, "ibm,close-errinjct", 1, [session], PARAM_ERROR)
    same("state", NORMAL, edu.state())
    same("freezes", 0, edu.get("freezes"))
    same("inject", 0, edu.inject(0, session=session))
    same("state", FROZEN, edu.state())
    same("close", [0], machine.rtas("ibm,close-errinjct", 1, session))


def test_config_arguments(machine):
    """bad arguments of config accesses are errors, and write nothing"""
    edu = Edu(machine, "edu", 8).ready()
    addr, buid = edu.config_addr, edu.phb
    for name, outputs, more in (("ibm,read-pci-config", 2, []),
                                ("ibm,write-pci-config", 1, [0])):
        counts(machine, name, outputs, [addr | COMMAND, *buid, 2, *more],
               HW_ERROR)
        for where, size in ((0, 3), (0, 0), (0, 8), (1, 2), (2, 4),
                            (1 << 28, 4)):
            same(f"{name} {where} {size}", HW_ERROR, machine.rtas(
                name, outputs, addr | where, *buid, size, *more)[0])
        for bad in [99 << 16, *buid], [addr, buid[0], buid[1] + 9]:
            same(f"{name} {bad}", HW_ERROR, machine.rtas(
                name, outputs, *bad, 4, *more)[0])
    same("command", ON, edu.read(COMMAND, 2))
    counts(machine, "read-pci-config", 2, [addr, 4], HW_ERROR)
    counts(machine, "write-pci-config", 1, [addr, 4, 0], HW_ERROR)
