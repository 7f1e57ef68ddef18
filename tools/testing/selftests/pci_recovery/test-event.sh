#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the firmware says: stale handles, event codes, functions that leave.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 12

T=pci_recovery_test

healed() {
	steps "$1" | grep -q "^end recovered"
}

start "stale handle: nothing is done"
rebind "$NET" $T
fh=$(attr "$NET" function_handle)
mark
inject "$NET" "event 0x3a 0x7fff0001"
expect_steps "$NET" <<'STEPS'
begin error
freeze failed
end stale none
STEPS
working "$NET"
expect "handle" "$fh" "$(attr "$NET" function_handle)"
expect_uevents "$NET"
grep -q "fid=0x00000001 fh=0x7fff0001 pec=0x003a" "$TRACE/trace" ||
	fail "the event is not in the trace"
finish

start "a stale event does not hide a real one"
mark
inject "$NET" translate
inject "$NET" "event 0x3a 0x7fff0001"
# Whichever of the two comes first.
wait_for "$LIMIT" healed "$NET" || fail "the error is lost: $(steps "$NET")"
wait_for "$LIMIT" settled "$NET"
working "$NET"
recover "$NET" || fail "an operator is refused"
finish

for pec in 0x2a 0x2b 0x2c; do
	start "PEC $pec concerns the measurement block: only a line in the log"
	dmesg -c > /dev/null
	inject "$NET" "event $pec"
	dmesg | grep -q "zpci: $NET: Event $pec reports an error for PCI function 0x1" ||
		fail "no line in the log"
	sleep 0.3
	expect "steps" "" "$(steps "$NET")"
	working "$NET"
	finish
done

for pec in 0x3b 0x40; do
	start "PEC $pec is permanent"
	mark
	inject "$NET" "event $pec"
	expect_steps "$NET" <<STEPS
begin permanent
freeze failed
perm_failure $T
end failed none
STEPS
	expect "state" failed "$(attr "$NET" recovery/state)"
	expect_uevents "$NET" BEGIN_RECOVERY FAILED_RECOVERY
	dmesg | grep -q "zpci: $NET: Event $pec reports an error" ||
		fail "no line in the log"
	last="Automatic recovery failed; operator intervention is required"
	dmesg | grep -q "zpci: $NET: $last" || fail "no last line in the log"
	recover "$NET" || fail "an operator cannot bring it back"
	working "$NET"
	finish
done

start "the log has upstream's lines, to the byte"
set_test error_detected=can_recover mmio_enabled=need_reset
dmesg -c > /dev/null
mark
inject "$NET" translate
wait_for "$LIMIT" ends "$NET" 1
reset_test
dmesg | sed -n "s/^\[[^]]*\] //; /^zpci: $NET: /p" > /tmp/lines
expect "log" "zpci: $NET: Event 0x2 reports an error for PCI function 0x1
zpci: $NET: Unblocking device access for examination
zpci: $NET: Initiating reset
zpci: $NET: The device is ready to resume operations" "$(cat /tmp/lines)"
finish

start "0x304 during an episode: gone at once, removed when it has ended"
set_test hold=error_detected
mark
inject "$NET" translate
held error_detected
inject "$NET" "event 0x304"
expect "state while the driver is still busy" gone \
	"$(attr "$NET" recovery/state)"
release
wait_for "$LIMIT" ends "$NET" 2 || fail "no end"
steps "$NET" > /tmp/actual
grep -q "slot_reset" /tmp/actual && fail "went on after the event"
expect "outcomes" "gone gone" \
	"$(sed -n 's/^end \([a-z]*\) .*/\1/p' /tmp/actual | xargs)"
wait_for 5 test ! -e "$DEVICES/$NET" || fail "the function is still there"
finish

start "... and 0x301 brings it back"
echo 1 > /sys/bus/pci/slots/00000001/power || fail "cannot switch on"
wait_for 5 test -e "$DEVICES/$NET/recovery" || fail "the function is not back"
rebind "$NET" $T
recover "$NET" || fail "does not recover"
working "$NET"
finish

start "unplugged by the host during an episode"
rebind "$NET2" $T
set_test hold=error_detected
mark
inject "$NET2" translate
held error_detected
host qmp '{"execute": "device_del", "arguments": {"id": "n1"}}' > /tmp/qmp
grep -q '"return"' /tmp/qmp || fail "QMP: $(cat /tmp/qmp)"
wait_for 5 sh -c "[ \$(cat $DEVICES/$NET2/recovery/state) = gone ]" ||
	fail "the state is $(attr "$NET2" recovery/state)"
release
wait_for "$LIMIT" test ! -e "$DEVICES/$NET2" || fail "still there"
expect "last outcome" gone \
	"$(steps "$NET2" | sed -n 's/^end \([a-z]*\) .*/\1/p' | tail -n 1)"
finish

start "unplugged by the host when all is well"
mark
host qmp '{"execute": "device_del", "arguments": {"id": "r1"}}' > /tmp/qmp
wait_for "$LIMIT" test ! -e "$DEVICES/$RNG2" || fail "still there"
expect_uevents "$RNG2"
finish

ktap_finished
