#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --timeout 900
#
# virtio-net under load: it heals without being unbound, and the network device
# stays with all that was set.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

ERRORS=${ERRORS:-100}
MAC=52:54:00:12:34:99

ktap_set_plan 7

# ping_load() - ping the host all the time
ping_load() {
	rm -rf $LOAD
	mkdir $LOAD
	: > $LOAD/passes
	: > $LOAD/errors
	while [ ! -e $LOAD/stop ]; do
		ping -c 1 -W 1 10.0.2.2 > /dev/null 2>&1 &&
			echo >> $LOAD/passes
	done &
	writers=$!
	go_on 1
}

# settings(netdev) - all that must not change
settings() {
	ip addr show dev "$1" | grep -v valid_lft
	ip route
	cat "/sys/class/net/$1/ifindex" "/sys/class/net/$1/address"
	ls "/sys/class/net/$1/queues"
	stat -c %i "/sys/class/net/$1/"
}

# same_settings(netdev)
same_settings() {
	wait_for "$LIMIT" has_carrier "$1" || fail "$1: no carrier"
	settings "$1" | diff /tmp/settings - > /tmp/diff ||
		fail "$1: is not as it was
$(tail -n +3 /tmp/diff)"
}

heal() {
	mark
	inject "$1" translate
	reset_once "$1" virtio-pci
}

start "an error under load: the same network device, and ping goes on by itself"
id=$(identity "$NET")
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping before"
net=$(network "$NET")
ip link set "$net" down
ip link set "$net" address $MAC
ip link set "$net" up
ip addr add 10.0.2.15/24 dev "$net" 2> /dev/null
ip route add 10.9.0.0/16 via 10.0.2.2
wait_for "$LIMIT" has_carrier "$net"
settings "$net" > /tmp/settings
expect "settings" 3 "$(grep -c -e 10.9.0.0 -e $MAC /tmp/settings)"
ping_load
heal "$NET"
expect_uevents "$NET" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
same_settings "$net"
go_on 3
kept "$NET" "$id"
working "$NET"
finish

start "$ERRORS errors under load"
id=$(identity "$NET")
before=$(passes)
mark
strike "$NET" "$ERRORS"
all_by "$NET" reset "$ERRORS"
go_on 3
echo "# $(($(passes) - before)) pings"
same_settings "$net"
kept "$NET" "$id"
finish

start "an error of DMA"
mark
inject "$NET" dma
if [ $PLATFORM = eeh ]; then
	# Nobody reads from it by himself; who waits for its answer does not for ever.
	ip link set "$net" promisc on
	look "$NET"
fi
reset_once "$NET" virtio-pci
ip link set "$net" promisc off
same_settings "$net"
go_on 3
no_load "$LIMIT"
finish

start "taken down and up meanwhile"
rm -f $LOAD/stop
(while [ ! -e $LOAD/stop ]; do
	ip link set "$net" down
	ip link set "$net" up
done) 2> /dev/null &
writers=$!
mark
strike "$NET" 20
all_by "$NET" reset 20
no_load "$LIMIT"
ip link set "$net" up
ip route add 10.9.0.0/16 via 10.0.2.2 2> /dev/null
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
same_settings "$net"
finish

start "it is down: so it stays"
ip link set "$net" down
heal "$NET"
expect "flags" "$(ip link show "$net" | grep -c UP)" 0
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
finish

start "given up: remove() ends"
id=$(identity "$NET")
ping_load
if [ $PLATFORM = eeh ]; then
	echo 0 > "$EEH/eeh_max_freezes"
else
	echo 0 > "$DEVICES/$NET/recovery/max_freezes"
fi
mark
inject "$NET" translate
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
expect "outcome" failed "$(attr "$NET" recovery/last_outcome)"
no_load "$LIMIT"
(ip link set "$net" down; ip link set "$net" promisc on) 2> /dev/null &
writers=$!
wait_for "$LIMIT" stopped || fail "ip hangs"
echo "$NET" > "$DEVICES/$NET/driver/unbind" &
writers=$!
wait_for "$LIMIT" stopped ||
	fail "remove() hangs: $(cat "/proc/$writers/stack")"
kept "$NET" "$id"
finish

start "unbound by hand while it is frozen"
ping_host "$NET2" 10.0.3.15 10.0.3.2 || fail "no ping before"
echo 0 > "$DEVICES/$NET2/recovery/auto"
mark
inject "$NET2" translate
wait_for "$LIMIT" ends "$NET2" 1 || fail "no end"
echo "$NET2" > "$DEVICES/$NET2/driver/unbind" &
writers=$!
wait_for "$LIMIT" stopped ||
	fail "remove() hangs: $(cat "/proc/$writers/stack")"
echo 1 > "$DEVICES/$NET2/recovery/auto"
recover "$NET2" || fail "does not recover"
rebind "$NET2" virtio-pci
ping_host "$NET2" 10.0.3.15 10.0.3.2 || fail "no ping after"
finish

ktap_finished
