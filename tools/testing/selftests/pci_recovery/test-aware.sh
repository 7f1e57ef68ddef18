#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vm: --machine s390x-aware --append "nvme_core.io_timeout=5" --timeout 500
#
# Real drivers with error handlers on s390x: under load, and with another error
# in each of their callbacks.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

ktap_set_plan 10

# aware(function, driver) - expect the steps of a reset that the driver asked for
aware() {
	reset_once "$1" "$2"
	well "$1" "$2"
	expect_uevents "$1" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
}

# well(function, driver) - it was recovered, and has its driver
well() {
	expect "$1: driver" "$2" "$(driver "$1")"
	expect "$1: outcome" recovered "$(attr "$1" recovery/last_outcome)"
	working "$1"
}

# hit(function, driver, callback, how...) - an error, and another while the driver
#	is in that callback
hit() {
	set_test wrap="$2" hold="$3"
	mark
	inject "$1" translate
	held "$3"
	f=$1
	shift 3
	inject_held "$f" "$@"
	release
}

# round(driver) - the steps of one
round() {
	echo "error_detected $1
vote error_detected NEED_RESET
reset
slot_reset $1
vote slot_reset RECOVERED"
}

# twice(function, driver) - expect one episode, and another after it
twice() {
	expect_steps "$1" <<STEPS
begin error
freeze
$(round "$2")
resume $2
end recovered reset
begin again
freeze
$(round "$2")
resume $2
end recovered reset
STEPS
	well "$1" "$2"
}

start "nvme: read load, error, data checked"
id=$(identity "$NVME")
sum=$(checksum)
load
mark
inject "$NVME" translate
aware "$NVME" nvme
unload "$sum"
kept "$NVME" "$id"
finish

start "nvme: its next DMA faults, data checked"
mark
inject "$NVME" dma
checksum > /dev/null
aware "$NVME" nvme
expect "data" "$sum" "$(checksum)"
finish

start "nvme: read load, a second error during error_detected"
id=$(identity "$NVME")
load
hit "$NVME" nvme error_detected event 0x3a
aware "$NVME" nvme
unload "$sum"
kept "$NVME" "$id"
finish

# It takes all its time in a thread that slot_reset starts, and gives up when it is
# hit there: what was being read fails.
start "nvme: read load, a second error during slot_reset: rebind"
id=$(identity "$NVME")
load
hit "$NVME" nvme slot_reset translate
expect_steps "$NVME" <<STEPS
begin error
freeze
$(round nvme)
error_detected nvme
vote error_detected DISCONNECT
revive
unbind nvme
reset
restore nvme
bind nvme
end recovered rebind
STEPS
well "$NVME" nvme
stop_load
expect "data" "$sum" "$(checksum)"
kept "$NVME" "$id"
finish

start "nvme: read load, a second error during resume"
id=$(identity "$NVME")
load
hit "$NVME" nvme resume translate
twice "$NVME" nvme
unload "$sum"
kept "$NVME" "$id"
finish

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

start "e1000e: a second error during error_detected, ping"
id=$(identity "$E1000E")
hit "$E1000E" e1000e error_detected event 0x3a
aware "$E1000E" e1000e
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
kept "$E1000E" "$id"
finish

start "e1000e: a second error during slot_reset, ping"
hit "$E1000E" e1000e slot_reset translate
expect_steps "$E1000E" <<STEPS
begin error
freeze
$(round e1000e)
$(round e1000e)
resume e1000e
end recovered reset
STEPS
well "$E1000E" e1000e
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
kept "$E1000E" "$id"
finish

# At its end: before it has its buffers, e1000e of 6.12 unmaps what it could not
# map.
start "e1000e: a second error during resume, ping"
hit "$E1000E" e1000e resumed translate
twice "$E1000E" e1000e
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
kept "$E1000E" "$id"
finish

start "nvme and e1000e at once"
load
mark
inject "$NVME" translate
inject "$E1000E" translate
aware "$NVME" nvme
aware "$E1000E" e1000e
unload "$sum"
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
finish

ktap_finished
