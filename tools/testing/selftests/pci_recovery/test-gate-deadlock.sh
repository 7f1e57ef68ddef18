#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What must not be done with a gate: lockdep has to find each case, though nobody
# is in the way.  See drivers/pci/recovery/tests/gate_deadlock.c.
#
# builds: x86-debug
# vm: --devices none --timeout 200 --allow-warnings

export MODULE=pci_gate_torture TORTURE_SECONDS=0 TORTURE_ARGS="deadlock=1"
DIR=$(dirname "$(readlink -f "$0")")
exec "$DIR/test-torture.sh"
