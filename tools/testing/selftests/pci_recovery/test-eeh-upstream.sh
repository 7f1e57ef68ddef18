#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --timeout 600
#
# What people know of EEH: its files in debugfs and sysfs, its lines in the log,
# the kernel's own test of it; and upstream defects that are not there.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 13

T=pci_recovery_test
PE=8:1

rebind "$E1000E" $T

start "eeh_force_recover: an episode without an error"
id=$(identity "$E1000E")
mark
put "$PE" "$EEH/eeh_force_recover"
reset_once "$E1000E" $T
kept "$E1000E" "$id"
working "$E1000E"
finish

start "eeh_force_recover: what is no PE, and hwcheck"
fails "Invalid argument" put nonsense "$EEH/eeh_force_recover"
fails "No such device" put 77:1 "$EEH/eeh_force_recover"
fails "No such device" put 8:77 "$EEH/eeh_force_recover"
put hwcheck "$EEH/eeh_force_recover"
sleep 0.5
working "$E1000E"
finish

start "eeh_dev_break, eeh_dev_check: broken, found and healed"
id=$(identity "$E1000E")
mark
put "$E1000E" "$EEH/eeh_dev_break"
put "$E1000E" "$EEH/eeh_dev_check"
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "outcome" "end recovered reset" "$(steps "$E1000E" | tail -n 1)"
kept "$E1000E" "$id"
working "$E1000E"
finish

start "the state of the PE, and thawing it by hand"
expect "state" "0x00000078 0x00000000" "$(attr "$E1000E" eeh_pe_state)"
echo 1 > "$EEH/eeh_disable_recovery"
inject "$E1000E" translate
expect "frozen" "0x00000000 0x00000001" "$(attr "$E1000E" eeh_pe_state)"
put 1 "$DEVICES/$E1000E/eeh_pe_state"
expect "thawed" "0x00000078 0x00000000" "$(attr "$E1000E" eeh_pe_state)"
echo 0 > "$EEH/eeh_disable_recovery"
expect "episodes" "" "$(steps "$E1000E")"
finish

start "... and after an error that was left alone"
put 0 "$DEVICES/$E1000E/recovery/auto"
mark
inject "$E1000E" translate
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "outcome" refused "$(attr "$E1000E" recovery/last_outcome)"
expect "state" frozen "$(attr "$E1000E" recovery/state)"
put 1 "$DEVICES/$E1000E/eeh_pe_state"
put 1 "$DEVICES/$E1000E/recovery/auto"
working "$E1000E"
finish

start "RECOVERING and ISOLATED while it recovers"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
expect "flags" 0x00000003 "$(attr "$E1000E" eeh_pe_state | cut -d ' ' -f 2)"
release
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
sleep 0.2
expect "flags" 0x00000000 "$(attr "$E1000E" eeh_pe_state | cut -d ' ' -f 2)"
# The same when nothing has failed.
set_test hold=error_detected
recover "$E1000E" &
held error_detected
expect "flags" 0x00000003 "$(attr "$E1000E" eeh_pe_state | cut -d ' ' -f 2)"
release
wait $! || fail "recover fails"
finish

start "the log has upstream's lines, to the byte"
mark
echo "pci_recovery: test: $name" > /dev/kmsg
inject "$E1000E" translate
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
sleep 0.2
dmesg | awk -v name="$name" '
	index($0, "pci_recovery: test: " name) { on = 1; text = ""; next }
	on && (/EEH: / || / EEH /) && !/EEH: \[|EEH: PCI|EEH: of node/ {
		sub(/^\[ *[0-9.]*\] /, ""); text = text $0 "\n" }
	END { printf "%s", text }' > /tmp/log
sed -i 's/has failed [0-9]* times/has failed N times/' /tmp/log
DISABLED="will be permanently disabled after 1000 failures."
cat > /tmp/expected <<LINES
EEH: Recovering PHB#8-PE#1
EEH: PE location: N/A, PHB location: N/A
EEH: Frozen PHB#8-PE#1 detected
EEH: Call Trace:
EEH: This PCI device has failed N times in the last hour and $DISABLED
EEH: Notify device drivers to shutdown
EEH: Beginning: 'error_detected(IO frozen)'
PCI $E1000E#0001: EEH: Invoking $T->error_detected(IO frozen)
PCI $E1000E#0001: EEH: $T driver reports: 'need reset'
EEH: Finished:'error_detected(IO frozen)' with aggregate recovery state:'need reset'
EEH: Collect temporary log
EEH: Reset without hotplug activity
EEH: Beginning: 'slot_reset'
PCI $E1000E#0001: EEH: Invoking $T->slot_reset()
PCI $E1000E#0001: EEH: $T driver reports: 'recovered'
EEH: Finished:'slot_reset' with aggregate recovery state:'recovered'
EEH: Notify device driver to resume
EEH: Beginning: 'resume'
PCI $E1000E#0001: EEH: Invoking $T->resume()
PCI $E1000E#0001: EEH: $T driver reports: 'none'
EEH: Finished:'resume'
EEH: Recovery successful.
LINES
diff -u /tmp/expected /tmp/log > /tmp/diff || fail "$(cat /tmp/diff)"
finish

start "the firmware's log: temporary at an error, permanent at failure"
logs=$(get_qemu "$E1000E" eeh-logs)
mark
inject "$E1000E" translate
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "logs" $((logs + 1)) "$(get_qemu "$E1000E" eeh-logs)"
set_test error_detected=disconnect
mark
inject "$E1000E" translate
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "logs" $((logs + 2)) "$(get_qemu "$E1000E" eeh-logs)"
expect "permanent" true "$(get_qemu "$E1000E" eeh-permanent)"
finish

start "... and then an event is dropped"
put 8:1 "$EEH/eeh_force_recover"
expect_logged "EEH: PHB#8-PE#1 was given up or is gone, event dropped"
expect "flags" 0x00000001 "$(attr "$E1000E" eeh_pe_state | cut -d ' ' -f 2)"
expect "steps" "" "$(steps "$E1000E")"
set_qemu "$E1000E" eeh-permanent false
recover "$E1000E" || fail "cannot be made well"
finish

start "H8: drivers with handlers and without: no function is removed, no hang"
id=$(identity "$MULTI.1")
mark
inject "$MULTI.0" translate
wait_for "$LIMIT" ends "$MULTI.0" 1 || fail "the episode does not end"
expect "outcome" "end recovered rebind" "$(steps "$MULTI.0" | tail -n 1)"
kept "$MULTI.1" "$id"
finish

start "A7: no memory where the error is found: it is recovered all the same"
mark
inject_starved "$E1000E"
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the event was lost"
working "$E1000E"
finish

start "A8: events are taken in their order, and none waits for another"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
inject "$NVME" translate
wait_for "$LIMIT" ends "$NVME" 1 || fail "$NVME waits for $E1000E"
expect "$E1000E" 0 "$(steps "$E1000E" | grep -c ^end)"
release
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
finish

start "the kernel's own test, eeh-basic.sh"
if [ -e ../powerpc/eeh/eeh-basic.sh ]; then
	rebind "$E1000E" e1000e
	# All functions but the port that this result goes through.
	sed 's,ls -1 /sys/bus/pci/devices/,& | grep -v ^0000:00:00.0,' \
		../powerpc/eeh/eeh-basic.sh > /tmp/eeh-basic.sh
	cp ../powerpc/eeh/eeh-functions.sh /tmp
	mark
	(cd /tmp && sh ./eeh-basic.sh) > /tmp/basic 2>&1 ||
		fail "$(cat /tmp/basic)"
	grep -q "^0 devices failed to recover ([1-9][0-9]* tested)" /tmp/basic ||
		fail "it tests nothing: $(tail -n 3 /tmp/basic)"
	expect "removed or added" "" "$(grep -E '^(add|remove) .*0000:00$' "$UEVENTS")"
	finish
else
	ktap_test_skip "$name: it is not installed"
fi

ktap_finished
