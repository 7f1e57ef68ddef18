#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
#
# Every row of the vote table (Documentation/PCI/pci-recovery.rst, Votes), by a
# driver that votes as it is told, after real errors.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 27

T=pci_recovery_test
# One that is reset in no time, and its own driver.
F=$NET OWN=virtio-pci
[ $PLATFORM = zpci ] || F=$E1000E OWN=e1000e

# vote(name, parameter...) - one error, then the steps on stdin; those that are
# always the same are left out
vote() {
	title=$1
	shift
	start "$title"
	set_test "$@"
	id=$(identity "$F")
	mark
	# shellcheck disable=SC2086 # words
	inject "$F" ${how:-translate}
	{ echo "begin error"; echo freeze; cat; } > /tmp/steps
	expect_steps "$F" < /tmp/steps
	kept "$F" "$id"
	case $(tail -n 1 /tmp/expected) in
	*recovered*)
		working "$F"
		expect "$F: driver" $T "$(driver "$F")"
		expect_uevents "$F" BEGIN_RECOVERY SUCCESSFUL_RECOVERY ;;
	*)
		expect "$F: state" failed "$(attr "$F" recovery/state)"
		expect_uevents "$F" BEGIN_RECOVERY FAILED_RECOVERY ;;
	esac
	finish
	# Whatever happened: for the next test it works.
	reset_test
	live "$F" || {
		# Since the firmware was told, it does not let anybody near it.
		[ $PLATFORM = zpci ] || set_qemu "$F" eeh-permanent false
		recover "$F"
		# Its uevents are not to count for the next test.
		sleep 0.5
	}
}

THAW="vote error_detected CAN_RECOVER
thaw_mmio"
THAWED="thaw_dma
resume $T
end recovered thaw"
RESET="error_detected $T
vote error_detected NEED_RESET
reset
slot_reset $T"
RESUMED="resume $T
end recovered reset"
REBIND="${REVIVE:+revive
}unbind $T
reset
restore $T
bind $T
end recovered rebind"

rebind "$F" $T

# What error_detected says

vote "error_detected: CAN_RECOVER, mmio_enabled: RECOVERED" \
	error_detected=can_recover <<STEPS
error_detected $T
$THAW
mmio_enabled $T
vote mmio_enabled RECOVERED
$THAWED
STEPS

vote "error_detected: RECOVERED thaws, too" \
	error_detected=recovered <<STEPS
error_detected $T
vote error_detected RECOVERED
thaw_mmio
mmio_enabled $T
vote mmio_enabled RECOVERED
$THAWED
STEPS

vote "error_detected: NEED_RESET, slot_reset: RECOVERED" \
	error_detected=need_reset <<STEPS
$RESET
vote slot_reset RECOVERED
$RESUMED
STEPS

vote "error_detected: DISCONNECT is permanent" \
	error_detected=disconnect <<STEPS
error_detected $T
vote error_detected DISCONNECT
perm_failure $T
end failed none
STEPS

vote "error_detected: NONE is no opinion, and rebinds" \
	error_detected=none <<STEPS
error_detected $T
vote error_detected NONE
$REBIND
STEPS

vote "error_detected: NO_AER_DRIVER is no opinion" \
	error_detected=no_aer_driver <<STEPS
error_detected $T
vote error_detected NO_AER_DRIVER
$REBIND
STEPS

vote "error_detected: what is no vote at all is a reset" \
	error_detected=77 <<STEPS
error_detected $T
vote error_detected 0x4d
reset
slot_reset $T
vote slot_reset RECOVERED
$RESUMED
STEPS

vote "error_detected: missing" error_detected=missing <<STEPS
$REBIND
STEPS

vote "no error handlers at all" aware=0 <<STEPS
$REBIND
STEPS

# What mmio_enabled says

for v in can_recover none no_aer_driver; do
	V=$(echo $v | tr '[:lower:]' '[:upper:]')
	vote "mmio_enabled: $V goes on" \
		error_detected=can_recover mmio_enabled=$v <<STEPS
error_detected $T
$THAW
mmio_enabled $T
vote mmio_enabled $V
$THAWED
STEPS
done

vote "mmio_enabled: missing goes on" \
	error_detected=can_recover mmio_enabled=missing <<STEPS
error_detected $T
$THAW
$THAWED
STEPS

vote "mmio_enabled: NEED_RESET" \
	error_detected=can_recover mmio_enabled=need_reset <<STEPS
error_detected $T
$THAW
mmio_enabled $T
vote mmio_enabled NEED_RESET
reset
slot_reset $T
vote slot_reset RECOVERED
$RESUMED
STEPS

vote "mmio_enabled: DISCONNECT is permanent" \
	error_detected=can_recover mmio_enabled=disconnect <<STEPS
error_detected $T
$THAW
mmio_enabled $T
vote mmio_enabled DISCONNECT
perm_failure $T
end failed none
STEPS

# What slot_reset says

for v in none can_recover no_aer_driver; do
	V=$(echo $v | tr '[:lower:]' '[:upper:]')
	vote "slot_reset: $V goes on" slot_reset=$v <<STEPS
$RESET
vote slot_reset $V
$RESUMED
STEPS
done

vote "slot_reset: missing, the core restores" slot_reset=missing <<STEPS
error_detected $T
vote error_detected NEED_RESET
reset
restore $T
$RESUMED
STEPS

vote "slot_reset: NEED_RESET gets one deeper reset" \
	slot_reset=need_reset,recovered <<STEPS
$RESET
vote slot_reset NEED_RESET
deep_reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered deep
STEPS

vote "slot_reset: NEED_RESET again rebinds" slot_reset=need_reset <<STEPS
$RESET
vote slot_reset NEED_RESET
deep_reset
slot_reset $T
vote slot_reset NEED_RESET
unbind $T
deep_reset
restore $T
bind $T
end recovered deep
STEPS

vote "slot_reset: DISCONNECT rebinds" slot_reset=disconnect <<STEPS
$RESET
vote slot_reset DISCONNECT
unbind $T
reset
restore $T
bind $T
end recovered rebind
STEPS

vote "resume: missing" resume=missing <<STEPS
$RESET
vote slot_reset RECOVERED
end recovered reset
STEPS

# A probe that fails

vote "probe fails once: deeper reset, and bound again" \
	aware=0 fail_probes=1 <<STEPS
${REVIVE:+revive
}unbind $T
reset
restore $T
bind $T failed
deep_reset
restore $T
bind $T
end recovered deep
STEPS

vote "probe fails for good: three resets, then failure" \
	aware=0 fail_probes=100 <<STEPS
${REVIVE:+revive
}unbind $T
reset
restore $T
bind $T failed
deep_reset
restore $T
bind $T failed
deep_reset
restore $T
bind $T failed
end failed deep
STEPS

# The driver is not bound after that.
rebind "$F" $T

# On zPCI an event for a function that is not in the error state

case $PLATFORM in
zpci)	how="event 0x3a" ;;
eeh)	set_qemu "$F" eeh-failing-thaws 3 ;; # two for the firmware's log
esac
vote "thaw of MMIO fails: reset" error_detected=can_recover <<STEPS
error_detected $T
vote error_detected CAN_RECOVER
thaw_mmio failed
reset
slot_reset $T
vote slot_reset RECOVERED
$RESUMED
STEPS
how=''

start "config space answers as before after all of that"
working "$F"
rebind "$F" $OWN
working "$F"
finish

ktap_finished
