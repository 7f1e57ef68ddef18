#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A write to "recover": on a function that works, one that failed, without a
# driver, by several writers at once, and where it is refused.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 11

T=pci_recovery_test

start "virtio-net that works: reset in place"
id=$(identity "$NET")
recover "$NET" || fail "error"
expect_steps "$NET" <<'STEPS'
begin operator
freeze
error_detected virtio-pci
vote error_detected NEED_RESET
reset
slot_reset virtio-pci
vote slot_reset RECOVERED
resume virtio-pci
end recovered reset
STEPS
kept "$NET" "$id"
working "$NET"
finish

start "virtio-net that failed"
id=$(identity "$NET")
echo 0 > "$DEVICES/$NET/recovery/auto"
inject "$NET" translate
wait_for "$LIMIT" ends "$NET" 1 || fail "no episode"
expect "outcome" refused "$(attr "$NET" recovery/last_outcome)"
expect "state" frozen "$(attr "$NET" recovery/state)"
mark
recover "$NET" || fail "error"
expect_steps "$NET" <<'STEPS'
begin operator
freeze
error_detected virtio-pci
vote error_detected NEED_RESET
reset
slot_reset virtio-pci
vote slot_reset RECOVERED
resume virtio-pci
end recovered reset
STEPS
echo 1 > "$DEVICES/$NET/recovery/auto"
kept "$NET" "$id"
working "$NET"
finish

start "no driver"
rebind "$NET2" ''
id=$(identity "$NET2")
mark
recover "$NET2" || fail "error"
expect_steps "$NET2" <<'STEPS'
begin operator
freeze
reset
restore
end recovered reset
STEPS
kept "$NET2" "$id"
working "$NET2"
finish

start "driver with handlers: it is asked"
rebind "$NET2" $T
id=$(identity "$NET2")
mark
recover "$NET2" || fail "error"
expect_steps "$NET2" <<STEPS
begin operator
freeze
error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
STEPS
kept "$NET2" "$id"
finish

start "driver that gives up: rebound all the same"
set_test error_detected=disconnect
id=$(identity "$NET2")
recover "$NET2" || fail "error"
expect_steps "$NET2" <<STEPS
begin operator
freeze
error_detected $T
vote error_detected DISCONNECT
unbind $T
reset
restore $T
bind $T
end recovered rebind
STEPS
kept "$NET2" "$id"
finish

start "permanent failure is not for an operator"
set_test error_detected=disconnect
id=$(identity "$NET2")
inject "$NET2" translate
wait_for "$LIMIT" ends "$NET2" 1 || fail "no episode"
expect "state" failed "$(attr "$NET2" recovery/state)"
mark
recover "$NET2" || fail "error"
expect_steps "$NET2" <<STEPS
begin operator
freeze
revive
unbind $T
reset
restore $T
bind $T
end recovered rebind
STEPS
kept "$NET2" "$id"
working "$NET2"
finish

start "last rung: removed and scanned again, when nothing else helps"
set_test aware=0 fail_probes=3
id=$(identity "$NET2")
recover "$NET2" || fail "error"
expect_steps "$NET2" <<STEPS
begin operator
freeze
unbind $T
reset
restore $T
bind $T failed
deep_reset
restore $T
bind $T failed
deep_reset
restore $T
bind $T failed
rescan $T
end recovered rescan
STEPS
[ "$id" != "$(identity "$NET2")" ] || fail "it is the same pci_dev"
working "$NET2"
rebind "$NET2" virtio-pci
finish

start "five writers share one episode"
rebind "$NET2" $T
set_test hold=slot_reset
mark
pids=''
for _ in 1 2 3 4 5; do
	recover "$NET2" &
	pids="$pids $!"
done
held slot_reset
# shellcheck disable=SC2086 # a list
wait_for "$LIMIT" writing $pids || fail "some do not wait"
release
for p in $pids; do
	wait "$p" || fail "a writer got an error"
done
expect "episodes" 1 "$(steps "$NET2" | grep -c ^begin)"
finish

start "a writer joins an episode that an error began"
set_test hold=error_detected
mark
inject "$NET2" translate
held error_detected
recover "$NET2" &
writer=$!
wait_for "$LIMIT" writing $writer || fail "it does not wait"
release
wait $writer || fail "error"
expect "episodes" 1 "$(steps "$NET2" | grep -c ^begin)"
finish

start "-EBUSY and untouched, when user space may own the device"
rebind "$NET2" ''
set_test managed_dma=1
rebind "$NET2" $T
mark
fails "Device or resource busy" recover "$NET2"
expect_steps "$NET2" <<'STEPS'
begin operator
freeze
end refused none
STEPS
working "$NET2"
expect "driver" $T "$(driver "$NET2")"
expect_uevents "$NET2"
finish

start "the same for an error"
mark
inject "$NET2" translate
expect_steps "$NET2" <<'STEPS'
begin error
freeze
end refused none
STEPS
expect "state" frozen "$(attr "$NET2" recovery/state)"
rebind "$NET2" ''
set_test managed_dma=0
recover "$NET2" || fail "does not recover afterwards"
rebind "$NET2" virtio-pci
finish

ktap_finished
