#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --timeout 300
#
# Checked reads: one that gives all-ones finds a real error before anybody has told,
# and none is found where there is none; health checks that fail, and drivers that
# ask for recovery.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 8

T=pci_health_test
HEALTH=/sys/module/$T/parameters
# Of enum pci_channel_state, and errno
NORMAL=1 FROZEN=2 EAGAIN=-11

# set_health(name=value...) - what that driver does
set_health() {
	for p; do
		echo "${p#*=}" > "$HEALTH/${p%%=*}" || fail "cannot set $p"
	done
}

# use(function) - bind that driver
use() {
	set_health alive=1
	[ -z "$(driver "$1")" ] || echo "$1" > "$DEVICES/$1/driver/unbind"
	echo $T > "$DEVICES/$1/driver_override"
	echo "$1" > /sys/bus/pci/drivers_probe
	expect "$1: driver" $T "$(driver "$1")"
}

# checked(function) - what came of all-ones that nobody has read
checked() {
	set_health "read=$1 ones"
	cat $HEALTH/result
}

# once(function, cause) - expect the steps of a reset, with a gate, and no others
once() {
	expect_steps "$1" <<STEPS
begin $2
freeze
error_detected $T
vote error_detected NEED_RESET
drain
reset
slot_reset $T
vote slot_reset RECOVERED
resume $T
end recovered reset
STEPS
	# Another episode would begin at once.
	sleep 0.5
	expect "$1: episodes" 1 "$(steps "$1" | grep -c ^begin)"
	expect_uevents "$1" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
	working "$1"
}

# read_and_fail(function) - it fails while it is read from
#	EEH tells nobody; on zPCI there is an event, too, that may come first
read_and_fail() {
	mark
	set_health "read=$1" &
	reader=$!
	sleep 0.3
	if [ $PLATFORM = eeh ]; then
		echo "$1 mmio" > "$DEBUG/inject"
	else
		inject "$1" translate
	fi
	wait $reader
}

start "a read finds an error before it is reported"
use "$NET2"
id=$(identity "$NET2")
for _ in 1 2 3 4 5 6 7 8 9 10; do
	read_and_fail "$NET2"
	once "$NET2" error
	[ "$(cat $HEALTH/result)" != "$EAGAIN $NORMAL $FROZEN" ] || break
	[ -z "$why" ] || break
done
expect "what the read found" "$EAGAIN $NORMAL $FROZEN" "$(cat $HEALTH/result)"
kept "$NET2" "$id"
finish

start "all-ones of a device that works are believed"
set_health alive=1
old=$(cat $HEALTH/checks)
expect "check" "0 $NORMAL $NORMAL" "$(checked "$NET2")"
expect "health checks" $((old + 1)) "$(cat $HEALTH/checks)"
sleep 0.5
expect "steps" "" "$(steps "$NET2")"
finish

start "health check fails, the platform knows of nothing: reset"
id=$(identity "$NET2")
set_health alive=0
expect "check" "$EAGAIN $NORMAL $FROZEN" "$(checked "$NET2")"
once "$NET2" health
expect_logged "no error of the platform's so far, cause is health"
set_health alive=1
expect "check" "0 $NORMAL $NORMAL" "$(checked "$NET2")"
kept "$NET2" "$id"
finish

start "the driver asks: reset"
id=$(identity "$NET2")
set_health "request=$NET2"
once "$NET2" driver
kept "$NET2" "$id"
finish

start "... and an error after it is found as before"
read_and_fail "$NET2"
once "$NET2" error
finish

start "recovery/auto is 0: the driver is refused, a dead device stays frozen"
echo 0 > "$DEVICES/$NET2/recovery/auto"
fails "Device or resource busy" put "$NET2" $HEALTH/request
sleep 0.2
expect "steps" "" "$(steps "$NET2")"
set_health alive=0
expect "check" "$EAGAIN $NORMAL $FROZEN" "$(checked "$NET2")"
wait_for "$LIMIT" ends "$NET2" 1 || fail "no episode"
expect "outcome" refused "$(attr "$NET2" recovery/last_outcome)"
expect "state" frozen "$(attr "$NET2" recovery/state)"
set_health alive=1
echo 1 > "$DEVICES/$NET2/recovery/auto"
recover "$NET2" || fail "cannot be recovered"
working "$NET2"
finish

start "bound and unbound while others read"
: > /tmp/reading
while [ -e /tmp/reading ]; do
	echo "$NET2 ones" > $HEALTH/read
done 2> /dev/null &
reader=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	echo "$NET2" > "$DEVICES/$NET2/driver/unbind"
	echo "$NET2" > /sys/bus/pci/drivers_probe
done
expect "driver" $T "$(driver "$NET2")"
rm /tmp/reading
wait $reader
expect "steps" "" "$(steps "$NET2")"
working "$NET2"
finish

start "too many requests: given up"
echo 2 > "$DEVICES/$NET2/recovery/max_freezes"
recover "$NET2" || fail "cannot be recovered"
for _ in 1 2 3; do
	mark
	set_health "request=$NET2"
	wait_for "$LIMIT" ends "$NET2" 1 || fail "the episode does not end"
done
expect "state" failed "$(attr "$NET2" recovery/state)"
fails "No such device" put "$NET2" $HEALTH/request
fails "No such device" put "$NET2 ones" $HEALTH/read
# The firmware of pseries keeps it unavailable after that.
[ $PLATFORM = zpci ] || set_qemu "$NET2" eeh-permanent false
recover "$NET2" || fail "cannot be made well"
working "$NET2"
rebind "$NET2" virtio-pci
finish

ktap_finished
