#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --append e1000e.IntMode=0,0 --timeout 600
#
# What PEs of EEH go through: several functions, another error in each step,
# resets that do not help, firmware that takes its time, functions that leave;
# cards that do: test-eeh-hotplug.sh.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 16

T=pci_recovery_test

# failed(function) - it is failed; make it well, as a power cycle would
failed() {
	expect "$1: state" failed "$(attr "$1" recovery/state)"
	expect_uevents "$1" BEGIN_RECOVERY FAILED_RECOVERY
	set_qemu "$1" eeh-stuck-resets 0
	set_qemu "$1" eeh-failing-thaws 0
	set_qemu "$1" eeh-permanent false
	recover "$1" || fail "$1: cannot be made well"
	sleep 0.5
}

# step_us(step) - how long it took, of the last episode in the trace
step_us() {
	sed -n "s/.* step=$1 result=0 us=\([0-9]*\)$/\1/p" "$TRACE/trace" |
		tail -n 1
}

start "four functions, with and without handlers or driver: one reset"
# All but the nvme without MSI, so that they share interrupts.
ping_host "$MULTI.2" 10.0.5.15 10.0.5.2 || fail "no ping before"
grep -q "Level .*virtio.*, .*eth" /proc/interrupts || fail "they share none"
rebind "$MULTI.3" ''
for f in 0 1 2 3; do
	identity "$MULTI.$f" > "/tmp/id.$f"
done
old=$(dd if=/dev/nvme1n1 bs=64k count=16 2> /dev/null | md5sum)
mark
inject "$MULTI.0" translate
expect_steps "$MULTI.0" <<STEPS
begin error
freeze
error_detected nvme
vote error_detected NEED_RESET
reset
slot_reset nvme
vote slot_reset RECOVERED
resume nvme
end recovered rebind
STEPS
steps "$MULTI.1" | xargs > /tmp/rng
asked="error_detected virtio-pci vote error_detected NO_AER_DRIVER"
expect "the function whose driver cannot" \
	"$asked unbind virtio-pci restore virtio-pci bind virtio-pci" \
	"$(cat /tmp/rng)"
steps "$MULTI.2" > /tmp/e1000e
diff - /tmp/e1000e > /tmp/diff <<STEPS || fail "the other one with handlers: $(cat /tmp/diff)"
error_detected e1000e
vote error_detected NEED_RESET
slot_reset e1000e
vote slot_reset RECOVERED
resume e1000e
STEPS
expect "the function without driver" restore "$(steps "$MULTI.3" | xargs)"
for f in 0 1 2 3; do
	kept "$MULTI.$f" "$(cat "/tmp/id.$f")"
	working "$MULTI.$f"
done
expect "data" "$old" "$(dd if=/dev/nvme1n1 bs=64k count=16 2> /dev/null | md5sum)"
expect_logged "PCI $MULTI.0#0001: EEH: Invoking nvme->error_detected(IO frozen)" \
	"PCI $MULTI.1#0001: EEH: Invoking virtio-pci->error_detected(IO frozen)" \
	"PCI $MULTI.1#0001: EEH: virtio-pci driver reports: 'no AER driver'" \
	"PCI $MULTI.3#0001: EEH: no driver"
ping_host "$MULTI.2" 10.0.5.15 10.0.5.2 || fail "no ping after"
rebind "$MULTI.3" virtio-pci
finish

start "one that has to be rebound, and others that need no more than a thaw"
rebind "$MULTI.0" $T
rebind "$MULTI.2" $T
set_test error_detected=can_recover
mark
inject "$MULTI.0" translate
expect_steps "$MULTI.0" <<STEPS
begin error
freeze
error_detected $T
vote error_detected CAN_RECOVER
thaw_mmio
mmio_enabled $T
vote mmio_enabled RECOVERED
thaw_dma
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered rebind
STEPS
expect "the function whose driver cannot" \
	"$asked unbind virtio-pci restore virtio-pci bind virtio-pci" \
	"$(steps "$MULTI.1" | xargs)"
working "$MULTI.1"
rebind "$MULTI.0" nvme
rebind "$MULTI.2" e1000e
finish

# overlap(step) - took all of these steps place at the same time, for a while?
overlap() {
	awk -v step="step=$1 " '
		index($0, "pci_recovery_step: ") && index($0, step) {
			match($0, /[0-9]+\.[0-9]+: /)
			end = substr($0, RSTART, RLENGTH - 2) * 1000000
			us = $0
			sub(/.*us=/, "", us)
			if (!steps++ || end < first_end)
				first_end = end
			if (end - us > last_begin)
				last_begin = end - us
		}
		END { exit !(steps > 1 && last_begin < first_end) }
	' "$TRACE/trace"
}

start "two host bridges fail at once: their resets overlap"
# For a second, so that none is over when the other begins, on a busy host, too.
set_qemu "$NVME" eeh-reset-time 1000
set_qemu "$E1000E" eeh-reset-time 1000
mark
echo "$NVME mmio" > "$DEBUG/inject"
echo "$E1000E mmio" > "$DEBUG/inject"
look "$NVME"
look "$E1000E"
wait_for "$LIMIT" ends "$NVME" 1 || fail "$NVME: the episode does not end"
wait_for "$LIMIT" ends "$E1000E" 1 || fail "$E1000E: the episode does not end"
expect "begin and end" "begin begin end end" \
	"$(sed -n 's/.*pci_recovery_\(begin\|end\): .*/\1/p' "$TRACE/trace" | xargs)"
overlap reset || fail "one reset after the other: $(grep reset "$TRACE/trace")"
working "$NVME"
working "$E1000E"
set_qemu "$NVME" eeh-reset-time 0
set_qemu "$E1000E" eeh-reset-time 0
finish

start "another report during error_detected: the reset deals with both"
rebind "$E1000E" $T
set_test hold=error_detected
id=$(identity "$E1000E")
mark
inject "$E1000E" translate
held error_detected
# What is frozen cannot freeze once more, but be reported.
put 8:1 "$EEH/eeh_force_recover"
release
reset_once "$E1000E" $T
# Another episode would begin at once.
sleep 0.5
expect "episodes" 1 "$(steps "$E1000E" | grep -c ^begin)"
! logged "event dropped" || fail "the other report was not taken"
expect "flags" "0x00000078 0x00000000" "$(attr "$E1000E" eeh_pe_state)"
kept "$E1000E" "$id"
working "$E1000E"
finish

start "error during mmio_enabled: reset"
set_test error_detected=can_recover hold=mmio_enabled
mark
inject "$E1000E" translate
held mmio_enabled
inject "$E1000E" translate
release
expect_steps "$E1000E" <<STEPS
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
working "$E1000E"
finish

start "error during slot_reset: another round"
set_test hold=slot_reset
mark
inject "$E1000E" translate
held slot_reset
inject "$E1000E" translate
release
expect_steps "$E1000E" <<STEPS
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
working "$E1000E"
finish

start "error during resume: another episode"
set_test hold=resume
mark
inject "$E1000E" translate
held resume
inject "$E1000E" translate
release
expect_steps "$E1000E" <<STEPS
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
working "$E1000E"
finish

start "frozen again after one reset: a deeper one helps"
# Two thaws are for the log of the firmware, three are after the reset.
set_qemu "$E1000E" eeh-stuck-resets 1
set_qemu "$E1000E" eeh-failing-thaws 5
mark
inject "$E1000E" translate
expect_steps "$E1000E" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
reset failed
deep_reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered deep
STEPS
expect_logged "resetting PHB#8-PE#1 (attempt 1)" \
	"EEH: PHB#8-PE#1: Successful reset (attempt 2)"
working "$E1000E"
finish

start "frozen after every reset: three attempts, then failure"
set_qemu "$E1000E" eeh-stuck-resets 100
set_qemu "$E1000E" eeh-failing-thaws 1000
mark
inject "$E1000E" translate
expect_steps "$E1000E" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
reset failed
deep_reset failed
deep_reset failed
perm_failure $T
end failed deep
STEPS
expect_logged "resetting PHB#8-PE#1 (attempt 3)" \
	"EEH: Unable to recover from failure from PHB#8-PE#1." \
	"Please try reseating or replacing it"
failed "$E1000E"
working "$E1000E"
finish

start "F5: drivers without handlers, and a reset that fails: failed, no oops"
id=$(identity "$E1000E")
set_test aware=0
set_qemu "$E1000E" eeh-failing-resets 3
mark
inject "$E1000E" translate
expect_steps "$E1000E" <<STEPS
begin error
freeze
unbind $T
reset failed
deep_reset failed
deep_reset failed
end failed deep
STEPS
failed "$E1000E"
kept "$E1000E" "$id"
expect "driver" $T "$(driver "$E1000E")"
finish

start "firmware that needs five seconds is waited for"
set_qemu "$E1000E" eeh-unavailable 5000
mark
look "$E1000E"
reset_once "$E1000E" $T
# Before its log is read, not only after the reset.
[ "$(step_us diagnose)" -ge 1000000 ] || fail "the diagnosis did not wait"
working "$E1000E"
finish

start "firmware says that it is permanent: failure, without a reset"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
set_qemu "$E1000E" eeh-permanent true
release
expect_steps "$E1000E" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
diagnose failed
perm_failure $T
end failed none
STEPS
expect_logged "EEH: Permanent failure"
failed "$E1000E"
working "$E1000E"
finish

start "removed in the middle of an episode: gone"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
echo 1 > "$DEVICES/$E1000E/remove" &
remove=$!
wait_for "$LIMIT" writing $remove || fail "remove does not wait"
release
wait_for "$LIMIT" test ! -d /proc/$remove || fail "remove does not return"
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "outcome" "end gone" "$(steps "$E1000E" | tail -n 1 | cut -d ' ' -f 1-2)"
[ ! -e "$DEVICES/$E1000E" ] || fail "still there"
finish

start "scanned again: works again"
echo 1 > /sys/bus/pci/rescan
wait_for "$LIMIT" test -e "$DEVICES/$E1000E" || fail "not there"
wait_for "$LIMIT" test -e "$DEVICES/$E1000E/recovery" || fail "not recovered"
wait_for "$LIMIT" bound "$E1000E" || fail "no driver"
working "$E1000E"
rebind "$E1000E" $T
mark
inject "$E1000E" translate
reset_once "$E1000E" $T
working "$E1000E"
finish

start "eeh_max_freezes: one error more, and it is given up"
echo 2 > "$EEH/eeh_max_freezes"
expect "limit" 2 "$(attr "$RNG" recovery/max_freezes)"
rebind "$RNG" ''
for _ in 1 2; do
	mark
	inject "$RNG" translate
	wait_for "$LIMIT" ends "$RNG" 1 || fail "the episode does not end"
	working "$RNG"
done
expect_logged "EEH: This PCI device has failed 2 times in the last hour and will be"
mark
inject "$RNG" translate
expect_steps "$RNG" <<STEPS
begin error
freeze
end failed none
STEPS
expect_logged "EEH: PHB#3-PE#1 has failed 3 times in the last hour and has been"
failed "$RNG"
working "$RNG"
finish

start "... unless there is another limit for that PE"
echo 2 > "$EEH/eeh_max_freezes"
echo 4 > "$DEVICES/$RNG/recovery/max_freezes"
expect "limit" 4 "$(attr "$RNG" recovery/max_freezes)"
for _ in 1 2 3; do
	mark
	inject "$RNG" translate
	wait_for "$LIMIT" ends "$RNG" 1 || fail "the episode does not end"
	working "$RNG"
done
finish

ktap_finished
