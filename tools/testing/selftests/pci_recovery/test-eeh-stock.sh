#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --machine pseries-stock --devices n0,v0
#
# A partition whose firmware has no EEH: nothing is there, and nothing breaks.

DIR=$(dirname "$(readlink -f "$0")")
# shellcheck disable=SC1091 # the kernel's own
. "$DIR/../kselftest/ktap_helpers.sh"

DEVICES=/sys/bus/pci/devices
NET=0001:00:00.0

# check(name, command...)
check() {
	name=$1
	shift
	if "$@"; then
		ktap_test_pass "$name"
	else
		ktap_test_fail "$name"
	fi
}

none() {
	! ls -d "$@" > /dev/null 2>&1
}

# The other tests say in one line that there is nothing to test.
skips() {
	out=$("$DIR/test-eeh-heal.sh")
	[ $? -eq "$KSFT_SKIP" ] && echo "$out" | grep -q "SKIP"
}

ping_host() {
	dev=$(basename "$DEVICES/$NET"/virtio*/net/*)
	ip link set "$dev" up
	ip addr add 10.0.2.15/24 dev "$dev"
	for _ in 1 2 3 4 5; do
		ping -c 1 -W 2 10.0.2.2 > /dev/null 2>&1 && return
	done
	return 1
}

ktap_print_header
ktap_set_plan 6

check "EEH is not there" grep -q "globally disabled" /proc/powerpc/eeh
check "no function can be recovered" none $DEVICES/*/recover
check "nor says anything of it" none $DEVICES/*/recovery
check "devices work" ping_host
check "and can be removed and found again" sh -c "
	echo 1 > $DEVICES/$NET/remove && echo 1 > /sys/bus/pci/rescan &&
	sleep 1 && [ -e $DEVICES/$NET/driver ]"
check "tests that need EEH are skipped" skips

ktap_finished
