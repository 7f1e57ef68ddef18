#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --append init_on_free=1 --timeout 900
#
# virtio-net under load: it heals without being unbound, and the network device
# stays with all that was set.  Memory that is freed is zeroed, so that nobody gets
# away with virtqueues that are gone.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

ERRORS=${ERRORS:-100}
MAC=52:54:00:12:34:99

ktap_set_plan 10

# ping_load(host) - ping it all the time
ping_load() {
	rm -rf $LOAD
	mkdir $LOAD
	: > $LOAD/passes
	: > $LOAD/errors
	while [ ! -e $LOAD/stop ]; do
		ping -c 1 -W 1 "$1" > /dev/null 2>&1 &&
			echo >> $LOAD/passes
	done &
	writers=$!
	go_on 1
}

# rx_filter() - what the device lets through, as it was told
rx_filter() {
	command='{"execute": "query-rx-filter", "arguments": {"name": "n0"}}'
	host qmp "$command" | tr ',' '\n' | sort
}

# settings(netdev) - all that must not change
settings() {
	rx_filter
	ip addr show dev "$1" | grep -v valid_lft
	ip route
	cat "/sys/class/net/$1/ifindex" "/sys/class/net/$1/address"
	ls "/sys/class/net/$1/queues"
	stat -c %i "/sys/class/net/$1/"
}

# has_settings(netdev) - those of before?
has_settings() {
	settings "$1" | diff /tmp/settings - > /tmp/diff
}

# same_settings(netdev) - in the end; the device is told some by a work
same_settings() {
	wait_for "$LIMIT" has_carrier "$1" || fail "$1: no carrier"
	wait_for "$LIMIT" has_settings "$1" || fail "$1: is not as it was
$(tail -n +3 /tmp/diff)"
}

# filters() - is the device told what to let through?
filters() {
	rx_filter | grep -q '"promiscuous": false'
}

heal() {
	mark
	inject "$1" translate
	reset_under_load "$1" virtio-pci
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
ip link add link "$net" name vlan77 type vlan id 77 || fail "no VLAN"
ip link set vlan77 up
wait_for "$LIMIT" has_carrier "$net"
wait_for "$LIMIT" filters || fail "no filter: $(rx_filter)"
! dmesg | grep "set_features() failed" || fail "features are refused"
settings "$net" > /tmp/settings
expect "settings" 4 "$(grep -c -e 10.9.0.0 -e $MAC /tmp/settings)"
rx_filter | grep -qw 77 || fail "no filter: $(rx_filter)"
ping_load 10.0.2.2
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

start "errors soon after errors"
strike_twice "$NET" $((ERRORS / 4))
go_on 3
same_settings "$net"
kept "$NET" "$id"
finish

start "CPUs go and come meanwhile"
toggle_cpu
mark
strike "$NET" 10
all_by "$NET" reset 10
no_toggle_cpu 3
go_on 3
same_settings "$net"
finish

start "an error of DMA"
mark
inject "$NET" dma
if [ $PLATFORM = eeh ]; then
	# Nobody reads from it by himself; who waits for its answer does not for ever.
	ip link set "$net" promisc on
	look "$NET"
fi
reset_under_load "$NET" virtio-pci
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
expect "flags" 0 "$(ip link show "$net" | grep -c UP)"
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
finish

start "given up: remove() ends"
id=$(identity "$NET")
ping_load 10.0.2.2
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

start "without NAPI to send"
parameter=/sys/module/virtio_net/parameters/napi_tx
echo N > $parameter
rebind "$NET2" ''
rebind "$NET2" virtio-pci
ping_host "$NET2" 10.0.3.15 10.0.3.2 || fail "no ping before"
net=$(network "$NET2")
ping_load 10.0.3.2
mark
strike "$NET2" 10
all_by "$NET2" reset 10
wait_for "$LIMIT" has_carrier "$net" || fail "no carrier"
go_on 3
no_load "$LIMIT"
echo Y > $parameter
finish

ktap_finished
