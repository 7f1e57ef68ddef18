#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Readers in all contexts, openers of device files, freezers, killers and thawers of
# gates at random, see drivers/pci/recovery/tests/gate_torture.c.  For longer, or the
# same once more:
#
#	TORTURE_SECONDS=3600 TORTURE_ARGS="seed=1234" ./test-gate-torture.sh
#
# builds: x86-debug x86-kcsan
# vm: --timeout 400

DIR=$(dirname "$(readlink -f "$0")")
export MODULE=pci_gate_torture TORTURE_SECONDS="${TORTURE_SECONDS:-30}"
exec "$DIR/test-torture.sh"
