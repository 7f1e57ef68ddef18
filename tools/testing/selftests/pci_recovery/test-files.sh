#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Device files that outlive their driver, by that of pci_recovery_sample: it is
# unloaded while they are open, in use, polled and mapped, and its device is reset.
#
# builds: s390x ppc64le x86-debug

# On x86 there is no platform, but functions that nobody needs.
[ "$(uname -m)" != x86_64 ] || export NO_PLATFORM=1

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

MODULE=pci_recovery_sample
case $(uname -m) in
x86_64) F=0000:00:1f.2 BAR=SIGBUS ;;
# Its BARs are no addresses.
s390x) F=$RNG BAR=EOPNOTSUPP ;;
*) F=$E1000E BAR=SIGBUS ;;
esac
NODE=/dev/pci_sample-$F
CLASS=/sys/class/pci_gate/pci_sample-$F
OTHER=/tmp/other
OUT=/tmp/files

# load() - the module, as init has, and bind it
load() {
	[ -e /sys/module/$MODULE ] || insmod /lib/modules/$MODULE.ko ||
		modprobe $MODULE
	[ -z "$(driver "$F")" ] || echo "$F" > "$DEVICES/$F/driver/unbind"
	echo pci_sample > "$DEVICES/$F/driver_override"
	echo "$F" > /sys/bus/pci/drivers_probe
	expect "driver" pci_sample "$(driver "$F")"
	[ -c "$NODE" ] || fail "there is no $NODE"
	rm -f $OTHER
	tr : ' ' < "$CLASS/dev" | xargs mknod $OTHER c
}

# use(gone or reset) - processes that use it, when all are busy
use() {
	echo "$1 $NODE $OTHER" | ./files > $OUT &
	users=$!
	wait_for "$LIMIT" grep -q ready $OUT || fail "not ready: $(cat $OUT)"
}

over() {
	! kill -0 "$users" 2> /dev/null
}

# ended() - the processes have, and in which way; from stdin
ended() {
	sort > /tmp/expected
	if wait_for "$LIMIT" over; then
		wait "$users"
	else
		fail "some processes do not end"
		kill -9 "$users"
	fi
	sort $OUT > /tmp/actual
	diff -u /tmp/expected /tmp/actual > /tmp/diff ||
		fail "other ends than expected
$(tail -n +3 /tmp/diff)"
}

# gone() - as they end when the driver does
gone() {
	ended <<-ENDS
		ready 0
		read ENODEV
		job ECANCELED
		memory SIGBUS
		other inode SIGBUS
		bar $BAR
		poll ERR HUP
		epoll ERR HUP
		late write ENODEV
		late read ENODEV
		late ioctl ENODEV
		late mmap ENODEV
		late open ENODEV
		closed 0
	ENDS
	[ ! -e "$NODE" ] || fail "there still is $NODE"
}

uses() {
	awk -v m=$MODULE '$1 == m { print $3 }' /proc/modules
}

plan=3
[ -n "${NO_PLATFORM:-}" ] || plan=5
ktap_set_plan $plan

start "the module is unloaded while files are open, in use and mapped"
load
use gone
expect "uses of the module" 0 "$(uses)"
rmmod $MODULE || fail "cannot unload it"
[ ! -e /sys/module/$MODULE ] || fail "it is still there"
gone
finish

start "and loaded again: the files are others"
load
use gone
rmmod $MODULE || fail "cannot unload it"
gone
load
finish

start "an unbind of the driver, by sysfs"
use gone
echo "$F" > "$DEVICES/$F/driver/unbind"
gone
finish

if [ -n "${NO_PLATFORM:-}" ]; then
	ktap_finished
	exit
fi

start "a reset: calls end, and mappings are there again"
load
use reset
mark
inject "$F" translate
[ $BAR != SIGBUS ] || BAR="goes on"
ended <<ENDS
ready 0
read EAGAIN
job ECANCELED
memory goes on
other inode goes on
bar $BAR
late write a result
late read a result
late ioctl ENOTTY
late mmap a result
late open a result
closed 0
ENDS
expect_steps "$F" <<STEPS
begin error
freeze
error_detected pci_sample
vote error_detected NEED_RESET
drain
reset
slot_reset pci_sample
vote slot_reset RECOVERED
end recovered reset
STEPS
expect "driver" pci_sample "$(driver "$F")"
finish

start "the device is given up: calls end, with the driver still bound or not"
load
use gone
BAR=${BAR%goes on}
BAR=${BAR:-SIGBUS}
echo 0 > "$DEVICES/$F/recovery/max_freezes"
[ $PLATFORM != eeh ] || echo 0 > "$EEH/eeh_max_freezes"
inject "$F" translate
# It is frozen, and dead at once: which of them the call finds when it wakes is chance.
wait_for "$LIMIT" grep -q '^read' $OUT
READ=EAGAIN
! grep -q '^read ENODEV' $OUT || READ=ENODEV
ended <<ENDS
ready 0
read $READ
job ECANCELED
memory SIGBUS
other inode SIGBUS
bar $BAR
poll ERR HUP
epoll ERR HUP
late write ENODEV
late read ENODEV
late ioctl ENODEV
late mmap ENODEV
late open ENODEV
closed 0
ENDS
finish

ktap_finished
