#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --append pci_recovery=off --allow-hung --allow-warnings --timeout 500
#
# Booted with pci_recovery=off EEH is upstream's, with the defects that
# test-eeh-upstream.sh looks for.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

if ! grep -q pci_recovery=off /proc/cmdline; then
	ktap_skip_all "needs a boot with pci_recovery=off"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 7

T=pci_recovery_test
PE=8:1
WELL="0x00000078 0x00000000"

# has_state(function, state) - the state of its PE
has_state() {
	[ "$(attr "$1" eeh_pe_state)" = "$2" ]
}

# expect_log(limit, text) - the log has that in time
expect_log() {
	wait_for "$1" logged "$2" || fail "not in the log: $2"
}

# recovered(function) - upstream's code says that it is well, the core nothing
recovered() {
	expect_log 60 "EEH: Recovery successful."
	wait_for "$LIMIT" has_state "$1" "$WELL" ||
		fail "$1: $(attr "$1" eeh_pe_state)"
	expect "events of the core" "" "$(grep -v '^#' "$TRACE/trace")"
}

start "there are no files of ours"
for f in "$DEVICES/$NET/recover" "$DEVICES/$NET/recovery" "$DEBUG/pes"; do
	[ ! -e "$f" ] || fail "$f is there"
done
[ -e "$DEVICES/$NET/eeh_pe_state" ] || fail "upstream's are not there"
finish

start "a driver with all handlers is recovered, on the same pci_dev"
rebind "$E1000E" $T
id=$(identity "$E1000E")
mark
inject "$E1000E" translate
recovered "$E1000E"
expect_logged "EEH: Reset without hotplug activity"
kept "$E1000E" "$id"
finish

start "A7: no memory where the error is found: it is lost, and the PE isolated"
mark
inject_starved "$E1000E"
expect_log 5 "EEH: out of memory, event not handled"
look "$E1000E"
sleep 3
! logged "EEH: Recovering" || fail "it is recovered"
has_state "$E1000E" "0x00000000 0x00000001" ||
	fail "$(attr "$E1000E" eeh_pe_state)"
put $PE "$EEH/eeh_force_recover"
recovered "$E1000E"
finish

start "A8: one that comes later waits for the one before"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
inject "$NVME" translate
sleep 3
! logged "EEH: Recovering PHB#7-PE#1" || fail "it does not wait"
release
expect_log 30 "EEH: Recovering PHB#7-PE#1"
wait_for 30 has_state "$NVME" "$WELL" || fail "$(attr "$NVME" eeh_pe_state)"
finish

start "virtio-net is removed and added again"
id=$(identity "$NET")
mark
inject "$NET" translate
recovered "$NET"
expect_logged "EEH: Reset with hotplug activity" \
	"EEH: Sleep 5s ahead of complete hotplug"
[ "$(identity "$NET")" != "$id" ] || fail "it is the same pci_dev"
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
finish

start "H8: those without handlers are removed and added, the others wait"
# There are Linux 6.12 that never come back from here.
id=$(identity "$MULTI.1")
mark
inject "$MULTI.0" translate
recovered "$MULTI.0"
expect_logged "EEH: Removing $MULTI.1 without EEH sensitive driver" \
	"EEH: Sleep 5s ahead of partial hotplug"
[ "$(identity "$MULTI.1")" != "$id" ] || fail "it is the same pci_dev"
finish

start "F5: drivers without handlers, and a reset that fails: eehd dies"
echo 0 > /proc/sys/kernel/panic_on_oops
rebind "$E1000E" $T
set_test aware=0
set_qemu "$E1000E" eeh-failing-resets 3
mark
inject "$E1000E" translate
expect_log 30 "BUG: Kernel NULL pointer dereference on write"
expect_log 5 "eeh_pe_report+"
expect_log 5 "eehd["
finish

ktap_finished
