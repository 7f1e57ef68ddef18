#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vm: --machine s390x-aware --append "nvme_core.io_timeout=5" --timeout 200
#
# Real drivers with error handlers on s390x: under load, and with another error
# in each of their callbacks.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 8

NODE=/dev/nvme0n1

reset_steps() {
	cat <<STEPS
error_detected $1
vote error_detected NEED_RESET
reset
slot_reset $1
vote slot_reset RECOVERED
STEPS
}

aware() {
	expect_steps "$1" <<STEPS
begin error
freeze
$(reset_steps "$2")
resume $2
end recovered reset
STEPS
	expect "$1: driver" "$2" "$(driver "$1")"
	expect_uevents "$1" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
	working "$1"
}

checksum() {
	echo 3 > /proc/sys/vm/drop_caches
	dd if=$NODE bs=64k 2> /dev/null | md5sum
}

load() {
	rm -f /tmp/stop
	: > /tmp/sums
	while [ ! -e /tmp/stop ]; do
		checksum >> /tmp/sums
	done &
	load=$!
	wait_for "$LIMIT" test -s /tmp/sums || fail "reading does not begin"
}

unload() {
	touch /tmp/stop
	wait $load
}

# again(callback) - a second error while nvme is in it
again() {
	start "nvme: a second error during $1"
	id=$(identity "$NVME")
	mark
	# The trace tells when the driver is there: before it is called.
	inject "$NVME" translate
	wait_for "$LIMIT" entered "$1"
	inject "$NVME" translate 2> /dev/null
	wait_for 40 quiet || fail "it does not come to an end"
	expect "outcome" recovered "$(attr "$NVME" recovery/last_outcome)"
	working "$NVME"
	expect "data" "$sum" "$(checksum)"
	kept "$NVME" "$id"
	finish
}

# entered(callback) - the step before it has ended
entered() {
	case $1 in
	error_detected) want=freeze ;;
	slot_reset) want=reset ;;
	resume) want="vote slot_reset RECOVERED" ;;
	esac
	steps "$NVME" | grep -qx "$want"
}

quiet() {
	[ "$(attr "$NVME" recovery/state)" = live ] && settled "$NVME" &&
		[ "$(steps "$NVME" | grep -c ^begin)" -eq \
		  "$(steps "$NVME" | grep -c ^end)" ]
}

start "nvme: read load, error, data checked"
id=$(identity "$NVME")
sum=$(checksum)
load
mark
inject "$NVME" translate
aware "$NVME" nvme
unload
expect "data" "$sum" "$(checksum)"
kept "$NVME" "$id"
finish

start "nvme: its next DMA faults"
mark
inject "$NVME" dma
checksum > /dev/null
aware "$NVME" nvme
expect "data" "$sum" "$(checksum)"
finish

again error_detected
again slot_reset
again resume

start "e1000e: ping, error, ping"
id=$(identity "$E1000E")
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping before"
net=$(network "$E1000E")
mark
inject "$E1000E" translate
aware "$E1000E" e1000e
expect "netdev" "$net" "$(network "$E1000E")"
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
kept "$E1000E" "$id"
finish

start "e1000e: its next DMA faults"
mark
inject "$E1000E" dma
ping -c 1 -W 1 10.0.4.2 > /dev/null 2>&1
aware "$E1000E" e1000e
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
finish

start "nvme and e1000e at once"
mark
inject "$NVME" translate
inject "$E1000E" translate
aware "$NVME" nvme
aware "$E1000E" e1000e
expect "data" "$sum" "$(checksum)"
finish

ktap_finished
