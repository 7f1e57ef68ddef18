#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --devices b0,n0,r0 --timeout 600
#
# Virtio devices that need a reset: the device has failed, but not its PCI function,
# so the platform has no error to tell of.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"
# shellcheck source=window.sh
. "$DIR/window.sh"

DISK=0001:00:00.0 NET=0002:00:00.0 RNG=0003:00:00.0

ktap_set_plan 12

# is_there(function) - its config space can be read
is_there() {
	[ "$(config "$1")" != ffffffff ]
}

# has_begun(function, times) - so often it has asked for recovery
has_begun() {
	[ "$(steps "$1" | grep -c "^begin driver")" -ge "$2" ]
}

# breaks_meanwhile(function) - errors, and it needs a reset again and again, also in
#	the middle of recoveries
breaks_meanwhile() {
	mark
	rm -f /tmp/enough
	(while [ ! -e /tmp/enough ]; do
		! is_there "$1" || break_device "$1" 2> /dev/null
		sleep 0.1
	done) &
	breaker=$!
	for i in $(seq 20); do
		inject "$1" translate 2> /dev/null
		sleep 0.6
	done
	wait_for "$LIMIT" has_begun "$1" 5 || fail "it does not ask"
	touch /tmp/enough
	wait_for "$LIMIT" is_over $breaker || fail "hangs"
	sleep 1
	wait_for "$LIMIT" quiet "$1" || fail "still busy"
	steps "$1" | grep -e ^begin -e ^end | sort | uniq -c | sed 's/^/# /'
	expect "episodes that do not end well" "" "$(steps "$1" | grep ^end |
		grep -v -e "recovered reset" -e "recovered deep" -e stale)"
	working "$1"
}

# breaks_in_remove() - the disk does not say so while remove() waits for its I/O, which
#	ends all the same
breaks_in_remove() {
	write_load "$vd"
	throttle b0/virtio-backend 1
	wait_for "$LIMIT" stuck "$vd" || fail "no I/O in flight"
	echo "$DISK" > "$DEVICES/$DISK/driver/unbind" &
	unbinder=$!
	waits_for_ever del_gendisk $unbinder
	mark
	break_silently "$DISK"
	wait_for "$LIMIT" is_over $unbinder ||
		fail "hangs: $(cat /proc/$unbinder/stack)"
	throttle b0/virtio-backend 0
	no_load "$LIMIT"
}

# serves_again() - it is bound, and works
serves_again() {
	rebind "$DISK" virtio-pci
	working "$DISK"
	vd=$(disk "$DISK")
	write_load "$vd"
	verified
}

start "a disk that is written to: it heals, and no error is seen"
find_window "$DISK"
id=$(identity "$DISK")
vd=$(disk "$DISK")
# No request is to find it.
echo 600000 > "/sys/block/$vd/queue/io_timeout"
write_load "$vd"
mark
break_device "$DISK"
reset_under_load "$DISK" virtio-pci driver
verified
expect "the disk" "$vd" "$(disk "$DISK")"
kept "$DISK" "$id"
is_well "$DISK" virtio-pci "$rung"
finish

start "it has not said so: a request that takes long finds it"
echo 1000 > "/sys/block/$vd/queue/io_timeout"
write_load "$vd"
mark
break_silently "$DISK"
reset_under_load "$DISK" virtio-pci driver
verified
expect "the disk" "$vd" "$(disk "$DISK")"
finish

start "a disk with recovery/auto off waits for an operator"
write_load "$vd"
echo 0 > "$DEVICES/$DISK/recovery/auto"
mark
break_device "$DISK"
sleep 2
expect "steps" "" "$(steps "$DISK")"
running || fail "I/O has ended: $(cat "$LOAD/errors")"
recover "$DISK" || fail "does not recover"
echo 1 > "$DEVICES/$DISK/recovery/auto"
verified
expect "the disk" "$vd" "$(disk "$DISK")"
finish

start "while remove() waits for I/O, and it has not said so"
id=$(identity "$DISK")
echo 600000 > "/sys/block/$vd/queue/io_timeout"
breaks_in_remove
wait_for "$LIMIT" ends "$DISK" 1 || fail "no end"
wait_for "$LIMIT" quiet "$DISK" || fail "still busy"
serves_again
kept "$DISK" "$id"
finish

start "remove() waits for I/O, and recovery/auto is off"
echo 0 > "$DEVICES/$DISK/recovery/auto"
breaks_in_remove
expect "steps" "" "$(steps "$DISK")"
echo 1 > "$DEVICES/$DISK/recovery/auto"
serves_again
finish

start "a network device: the same one goes on"
find_window "$NET"
id=$(identity "$NET")
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping before"
net=$(network "$NET")
mark
break_device "$NET"
reset_under_load "$NET" virtio-pci driver
expect "the network device" "$net" "$(network "$NET")"
wait_for "$LIMIT" ping -c 1 -W 2 10.0.2.2 > /dev/null 2>&1 || fail "no ping"
kept "$NET" "$id"
is_well "$NET" virtio-pci "$rung"
finish

start "it has not said so: who waits for an answer finds it"
mark
break_silently "$NET"
ip link add link "$net" name vlan77 type vlan id 77 &
waiter=$!
wait_for "$LIMIT" is_over $waiter || fail "hangs: $(cat /proc/$waiter/stack)"
reset_under_load "$NET" virtio-pci driver
wait_for "$LIMIT" ping -c 1 -W 2 10.0.2.2 > /dev/null 2>&1 || fail "no ping"
finish

start "nobody recovers it: who waits for an answer does not for ever"
echo 0 > "$DEVICES/$NET/recovery/auto"
mark
break_silently "$NET"
ip link del vlan77 &
waiter=$!
wait_for "$LIMIT" is_over $waiter || fail "hangs: $(cat /proc/$waiter/stack)"
expect "steps" "" "$(steps "$NET")"
echo 1 > "$DEVICES/$NET/recovery/auto"
recover "$NET" || fail "does not recover"
wait_for "$LIMIT" ping -c 1 -W 2 10.0.2.2 > /dev/null 2>&1 || fail "no ping"
finish

start "a network device, in the middle of recoveries"
breaks_meanwhile "$NET"
expect "the network device" "$net" "$(network "$NET")"
wait_for "$LIMIT" ping -c 1 -W 2 10.0.2.2 > /dev/null 2>&1 || fail "no ping"
kept "$NET" "$id"
finish

start "a device whose driver cannot go on is rebound"
find_window "$RNG"
# Nothing is isolated.
REVIVE=''
id=$(identity "$RNG")
mark
break_device "$RNG"
rebound "$RNG" virtio-pci driver
dd if=/dev/hwrng of=/dev/null bs=16 count=4 2> /dev/null || fail "does not work"
kept "$RNG" "$id"
finish

start "again and again"
write_load "$vd"
mark
for i in $(seq 10); do
	break_device "$DISK"
	wait_for "$LIMIT" ends "$DISK" "$i" || fail "no end of $i"
	wait_for "$LIMIT" quiet "$DISK" || fail "still busy"
done
all_by "$DISK" reset 10
verified
expect "the disk" "$vd" "$(disk "$DISK")"
finish

start "a disk, in the middle of recoveries"
echo 1000 > "/sys/block/$vd/queue/io_timeout"
write_load "$vd"
breaks_meanwhile "$DISK"
verified
finish

ktap_finished
