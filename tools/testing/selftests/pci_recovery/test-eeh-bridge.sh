#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --machine pseries-bridge --timeout 400
#
# A PE below a PE: a bridge, and two functions behind it, which have one together.

NET=none BRIDGE=0001:00:01.0 NVME=0001:01:01.0 RNG=0001:01:02.0

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

ktap_set_plan 6

T=pci_recovery_test
BELOW=1:10001

# qemu_name(function) - unlike elsewhere
qemu_name() {
	case $1 in
	"$BRIDGE") echo p0 ;; "$NVME") echo p1 ;; "$RNG") echo p2 ;;
	esac
}

# resets() - how often QEMU has reset the PE of the bridge, and the one below it
resets() {
	echo "$(get_qemu "$BRIDGE" eeh-hot-resets) $(get_qemu "$NVME" eeh-hot-resets)"
}

# expect_all(function, expected) - all that the trace says of it, in one line
expect_all() {
	expect "$1: steps" "$2" "$(steps "$1" | xargs)"
}

before() {
	for f in "$BRIDGE" "$NVME" "$RNG"; do
		identity "$f" > "/tmp/id.$f"
	done
	# shellcheck disable=SC2046 # two words
	set -- $(resets)
	above=$1 below=$2
	mark
}

# after(resets above, below) - all three work, and are what they were
after() {
	for f in "$BRIDGE" "$NVME" "$RNG"; do
		kept "$f" "$(cat "/tmp/id.$f")"
		working "$f"
		expect "$f: PE" "0x00000078 0x00000000" "$(attr "$f" eeh_pe_state)"
	done
	expect "resets" "$((above + $1)) $((below + $2))" "$(resets)"
	timeout 5 dd if=/dev/hwrng of=/dev/null bs=16 count=1 2> /dev/null ||
		fail "no random numbers"
}

REBIND="error_detected virtio-pci vote error_detected NO_AER_DRIVER"
REBIND="$REBIND unbind virtio-pci"

# from_above() - what an episode of the bridge's PE does
from_above() {
	expect_steps "$BRIDGE" <<STEPS
begin error
freeze
reset
restore
end recovered rebind
STEPS
	expect_all "$RNG" \
		"$REBIND restore virtio-pci bind virtio-pci"
	expect_uevents "$BRIDGE" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
	expect_uevents "$NVME" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
	expect_uevents "$RNG" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
}

DETECTED="error_detected $T vote error_detected NEED_RESET"
RESET="slot_reset $T vote slot_reset RECOVERED"

start "an error of the PE below: that is recovered, and the bridge left alone"
sum=$(checksum)
before
inject "$NVME" translate
expect_steps "$NVME" <<STEPS
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
expect_all "$RNG" "$REBIND restore virtio-pci bind virtio-pci"
expect_all "$BRIDGE" ""
after 0 1
expect "data" "$sum" "$(checksum)"
finish

start "an error of the bridge's PE: one episode for all, and their data"
before
inject "$BRIDGE" translate
from_above
expect_all "$NVME" "$(echo "$DETECTED $RESET resume $T" | sed "s/$T/nvme/g")"
after 1 0
expect "data" "$sum" "$(checksum)"
finish

start "recover, of the bridge"
before
recover "$BRIDGE" || fail "recover fails"
expect "outcome" "end recovered rebind" "$(steps "$BRIDGE" | tail -n 1)"
after 1 0
expect "data" "$sum" "$(checksum)"
finish

rebind "$NVME" $T

start "a report of the PE below in error_detected: the reset deals with both"
set_test hold=error_detected
before
inject "$BRIDGE" translate
held error_detected
put "$BELOW" "$EEH/eeh_force_recover"
release
from_above
# Another episode would begin at once.
sleep 0.5
expect_all "$NVME" "$DETECTED $RESET resume $T"
after 1 0
finish

start "an error of the PE below in slot_reset: another round of the bridge's"
set_test hold=slot_reset
before
inject "$BRIDGE" translate
held slot_reset
inject "$NVME" translate
release
expect_steps "$BRIDGE" <<STEPS
begin error
freeze
reset
restore
reset
restore
end recovered rebind
STEPS
sleep 0.5
expect_all "$NVME" "$DETECTED $RESET $DETECTED $RESET resume $T"
expect_all "$RNG" \
	"$REBIND restore virtio-pci restore virtio-pci bind virtio-pci"
after 2 0
finish

start "an error of the bridge's PE while the one below recovers: absorbed"
set_test hold=error_detected
before
inject "$NVME" translate
held error_detected
inject "$BRIDGE" translate
# Or more of the functions below are told twice.
wait_for "$LIMIT" begun "$BRIDGE" || fail "the bridge's does not begin"
release
# The one that is absorbed had begun, and leaves the end to the other.
from_above
sleep 0.5
absorbed="begin error freeze $DETECTED end absorbed none"
expect_all "$NVME" "$absorbed $DETECTED $RESET resume $T"
after 1 0
finish

ktap_finished
