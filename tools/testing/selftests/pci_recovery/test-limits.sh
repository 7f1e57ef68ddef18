#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What does not end by itself: callbacks and remove() that hang, functions that
# fail again and again.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 10

T=pci_recovery_test

echo 1500 > $PARAMS/callback_ms
echo 300 > $PARAMS/rescue_ms

stalled() {
	[ "$(attr "$NET" recovery/stalled)" = "$1" ]
}

reached() {
	steps "$NET" | grep -q "^$1"
}

rescued() {
	[ "$(steps "$NET" | grep -c ^rescue)" -ge "$1" ]
}

# others_work() - while NET hangs: another PE recovers, hotplug goes on
others_work() {
	other=$(identity "$NET2")
	inject "$NET2" translate
	wait_for 5 ends "$NET2" 1 || fail "another function does not recover"
	kept "$NET2" "$other"
	working "$NET2"
	timeout 5 sh -c 'echo 1 > /sys/bus/pci/rescan' ||
		fail "a rescan does not end"
}

for cb in error_detected slot_reset resume; do
	start "stuck in $cb: named, others go on, the episode goes on later"
	rebind "$NET" $T
	id=$(identity "$NET")
	set_test hold=$cb
	mark
	inject "$NET" translate
	wait_for 5 stalled "$T ->$cb()" || fail "not reported in sysfs: $(attr \
		"$NET" recovery/stalled)"
	dmesg | grep -q "$NET: $T ->$cb() still running after" ||
		fail "not in the log"
	reached "stall $T failed" || fail "not in the trace"
	fails "timed out" recover "$NET"
	others_work
	release
	wait_for "$LIMIT" ends "$NET" 1 || fail "does not end when it returns"
	expect "end" "end recovered reset" "$(steps "$NET" | tail -n 1)"
	expect "stalled" none "$(attr "$NET" recovery/stalled)"
	kept "$NET" "$id"
	working "$NET"
	finish
done

for cb in remove probe; do
	start "stuck in $cb: named, others go on, the episode goes on later"
	set_test aware=0
	id=$(identity "$NET")
	set_test hold=$cb
	mark
	inject "$NET" translate
	wait_for 5 stalled "$T ->$cb()" || fail "not reported in sysfs"
	dmesg | grep -q "$NET: $T ->$cb() still running after" ||
		fail "not in the log"
	fails "timed out" recover "$NET"
	others_work
	release
	wait_for "$LIMIT" ends "$NET" 1 || fail "does not end when it returns"
	expect "end" "end recovered rebind" "$(steps "$NET" | tail -n 1)"
	kept "$NET" "$id"
	working "$NET"
	finish
done

start "frozen again under remove(): rescued, and reset all the same"
echo 10000 > $PARAMS/callback_ms
# The other error is to come before that, or there is one rescue more.
echo 1000 > $PARAMS/rescue_ms
set_test aware=0 hold=remove
mark
inject "$NET" translate
held remove
inject "$NET" translate
wait_for "$LIMIT" rescued 2 || fail "not rescued twice"
release
expect_steps "$NET" <<STEPS
begin error
freeze
revive
rescue $T
rescue $T
unbind $T
reset
restore $T
bind $T
end recovered rebind
STEPS
working "$NET"
echo 300 > $PARAMS/rescue_ms
finish

start "virtio-rng unbound by hand while it is frozen does not hang"
rebind "$RNG2" virtio-pci
echo 0 > "$DEVICES/$RNG2/recovery/auto"
mark
inject "$RNG2" translate
wait_for 5 ends "$RNG2" 1
# vp_reset() writes 0 and waits until it reads 0.
timeout 10 sh -c "echo $RNG2 > $DEVICES/$RNG2/driver/unbind" ||
	fail "unbind hangs"
recover "$RNG2" || fail "does not recover"
working "$RNG2"
rebind "$RNG2" virtio-pci
finish

start "budget: given up after so many errors in an hour"
rebind "$NET" $T
recover "$NET"
echo 2 > "$DEVICES/$NET/recovery/max_freezes"
for i in 1 2; do
	mark
	inject "$NET" translate
	wait_for "$LIMIT" ends "$NET" 1
	expect "error $i" "end recovered reset" "$(steps "$NET" | tail -n 1)"
done
mark
failures=$(attr "$NET" recovery/failures)
inject "$NET" translate
expect_steps "$NET" <<STEPS
begin error
freeze
perm_failure $T
end failed none
STEPS
expect "state" failed "$(attr "$NET" recovery/state)"
expect "failures" $((failures + 1)) "$(attr "$NET" recovery/failures)"
expect_uevents "$NET" BEGIN_RECOVERY FAILED_RECOVERY
finish

start "... further errors are not taken up, and an operator can heal it"
inject "$NET" "event 0x3a"
sleep 0.5
expect "steps" "" "$(steps "$NET")"
recover "$NET" || fail "does not recover"
working "$NET"
mark
inject "$NET" translate
wait_for "$LIMIT" ends "$NET" 1
expect "error after that" "end recovered reset" "$(steps "$NET" | tail -n 1)"
wait_for "$LIMIT" settled "$NET"
finish

start "auto=0: isolated, and left to the operator"
echo 0 > "$DEVICES/$NET/recovery/auto"
mark
inject "$NET" translate
expect_steps "$NET" <<'STEPS'
begin error
freeze
end refused none
STEPS
expect "state" frozen "$(attr "$NET" recovery/state)"
recover "$NET" || fail "does not recover"
working "$NET"
finish

ktap_finished
