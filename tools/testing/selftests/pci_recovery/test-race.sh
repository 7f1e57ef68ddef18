#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What comes in between: another error in each step, unbind, rmmod, slot power,
# hotplug and rescans.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 11

T=pci_recovery_test

start "error during error_detected: the reset deals with both"
rebind "$NET" $T
set_test hold=error_detected
id=$(identity "$NET")
mark
inject "$NET" translate
held error_detected
inject "$NET" "event 0x3a"
release
expect_steps "$NET" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
STEPS
kept "$NET" "$id"
working "$NET"
finish

start "error during mmio_enabled: reset"
set_test error_detected=can_recover hold=mmio_enabled
mark
inject "$NET" translate
held mmio_enabled
inject_held "$NET" translate
release
expect_steps "$NET" <<STEPS
begin error
freeze
error_detected $T
vote error_detected CAN_RECOVER
thaw_mmio
mmio_enabled $T
vote mmio_enabled RECOVERED
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
STEPS
working "$NET"
finish

start "error during slot_reset: another round"
set_test hold=slot_reset
mark
inject "$NET" translate
held slot_reset
inject_held "$NET" translate
release
expect_steps "$NET" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
STEPS
working "$NET"
finish

start "error during resume: one more episode"
set_test hold=resume
mark
inject "$NET" translate
held resume
inject_held "$NET" translate
release
expect_steps "$NET" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
begin again
freeze
error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
STEPS
working "$NET"
finish

start "a storm of events in one episode is one error"
set_test hold=error_detected
mark
inject "$NET" translate
held error_detected
for _ in $(seq 200); do
	inject "$NET" "event 0x3a"
done
release
wait_for "$LIMIT" ends "$NET" 1
expect "episodes" 1 "$(steps "$NET" | grep -c ^begin)"
working "$NET"
finish

start "unbind while error_detected runs"
set_test hold=error_detected
mark
inject "$NET" translate
held error_detected
echo "$NET" > $DRIVER/unbind &
unbinder=$!
wait_for "$LIMIT" writing $unbinder || fail "unbind does not wait"
release
wait $unbinder || fail "cannot unbind"
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
# Whether slot_reset was faster than unbind or not: nobody bound it again.
expect "outcome" "end recovered reset" "$(steps "$NET" | tail -n 1)"
expect "driver" "" "$(driver "$NET")"
working "$NET"
finish

start "rmmod of the driver during an episode"
rebind "$NET" $T
set_test hold=slot_reset
mark
inject "$NET" translate
held slot_reset
# The module is in use until the episode has ended.
fails "Resource temporarily unavailable" rmmod pci_recovery_test
release
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
rmmod pci_recovery_test || fail "cannot rmmod afterwards"
insmod /lib/modules/pci_recovery_test.ko || fail "cannot insmod"
rebind "$NET" $T
working "$NET"
finish

start "slot power off during an episode, and on again"
set_test hold=error_detected
mark
inject "$NET" translate
held error_detected
echo 0 > /sys/bus/pci/slots/00000001/power &
switch=$!
wait_for "$LIMIT" writing $switch || fail "the slot does not wait"
release
wait $switch || fail "cannot switch off"
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
expect "outcome" gone "$(steps "$NET" | sed -n 's/^end \([a-z]*\) .*/\1/p')"
[ ! -e "$DEVICES/$NET" ] || fail "the function is still there"
echo 1 > /sys/bus/pci/slots/00000001/power || fail "cannot switch on"
wait_for 5 test -e "$DEVICES/$NET/recovery" || fail "the function is not back"
reset_test
rebind "$NET" $T
mark
recover "$NET" || fail "does not recover after that"
working "$NET"
finish

start "sysfs remove during an episode, and rescan"
set_test hold=slot_reset
mark
inject "$NET" translate
held slot_reset
echo 1 > "$DEVICES/$NET/remove" &
remover=$!
wait_for "$LIMIT" writing $remover || fail "remove does not wait"
release
wait $remover || fail "cannot remove"
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
echo 1 > /sys/bus/pci/rescan
wait_for 5 test -e "$DEVICES/$NET/recovery" || fail "the function is not back"
expect "state" live "$(attr "$NET" recovery/state)"
finish

start "remove while somebody waits in recover"
rebind "$NET2" $T
set_test hold=error_detected
mark
(recover "$NET2" 2> /tmp/err; echo $? > /tmp/rc) &
held error_detected
echo 1 > "$DEVICES/$NET2/remove" &
remover=$!
wait_for "$LIMIT" writing $remover || fail "remove does not wait"
release
wait $remover || fail "cannot remove"
wait_for 10 test -s /tmp/rc || fail "the writer hangs"
# The episode may have been faster than the removal.
[ "$(cat /tmp/rc)" = 0 ] || grep -q "No such device" /tmp/err ||
	fail "the writer got: $(cat /tmp/err)"
[ ! -e "$DEVICES/$NET2" ] || fail "the function is still there"
echo 1 > /sys/bus/pci/rescan
wait_for 5 test -e "$DEVICES/$NET2/recovery" || fail "the function is not back"
rm -f /tmp/rc
finish

start "rescans do not stop while functions recover"
rebind "$NET" virtio-pci
rebind "$NET2" virtio-pci
mark
(while :; do echo 1 > /sys/bus/pci/rescan; done) &
hotplug=$!
inject "$NET" translate
inject "$NET2" translate
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
wait_for "$LIMIT" ends "$NET2" 1 || fail "no end"
kill $hotplug
working "$NET"
working "$NET2"
finish

ktap_finished
