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

# begin_use(gone, reset or race) - processes that use it
begin_use() {
	# Not in the background: nobody must take the last one's answers for its.
	: > $OUT
	echo "$1 $NODE $OTHER" | ./files > $OUT &
	users=$!
}

# use(gone, reset or race) - the same, when all are busy
use() {
	begin_use "$1"
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

# nap() - up to a quarter of a second
nap() {
	sleep "0.$(hexdump -n 1 -e '1/1 "%03u"' /dev/urandom)"
}

unload() {
	rmmod $MODULE 2> /dev/null
}

is_live() {
	live "$F" && settled "$F"
}

# errors() - some, one after the other
errors() {
	for _ in 1 2 3 4 5; do
		inject "$F" translate 2> /dev/null
		sleep 0.1
	done
}

# race(how) - the module is unloaded while its files are in use, and errors of its
#	device are dealt with; or it is unbound first, or the files are opened then
race() {
	load
	[ "$1" = 2 ] || use race
	errors &
	injector=$!
	[ "$1" != 2 ] || begin_use race
	[ "$1" = 3 ] || nap
	[ "$1" != 1 ] || echo "$F" > "$DEVICES/$F/driver/unbind"
	# It cannot be while one of its callbacks is, or may be, called.
	wait_for "$LIMIT" unload || fail "$1: cannot unload it"
	[ ! -e "$NODE" ] || fail "$1: there still is $NODE"
	if wait_for "$LIMIT" over; then
		grep -vE '^(ready|closed) 0$| (ENODEV|SIGBUS|ERR HUP)$|^open ENOENT$' \
			$OUT > /tmp/bad
		[ "$BAR" != EOPNOTSUPP ] || sed -i '/^bar EOPNOTSUPP$/d' /tmp/bad
		expect "$1: other ends than expected" "" "$(cat /tmp/bad)"
		grep -qE '^(closed 0|open E.*)$' $OUT || fail "$1: no end"
	else
		fail "$1: some processes do not end: $(cat $OUT)"
		kill -9 "$users"
	fi
	wait "$injector"
	# Some platforms report it when they like.
	sleep 0.2
	wait_for "$LIMIT" is_live || fail "$1: it does not recover"
}

uses() {
	awk -v m=$MODULE '$1 == m { print $3 }' /proc/modules
}

plan=3
[ -n "${NO_PLATFORM:-}" ] || plan=6
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

start "the module is unloaded in the middle of errors, again and again"
BAR=${BAR%goes on}
BAR=${BAR:-SIGBUS}
rmmod $MODULE || fail "cannot unload it"
for i in $(seq 0 19); do
	race $((i % 4))
	[ -z "$why" ] || break
done
steps "$F" > /tmp/races
echo "# $(grep -c ^end /tmp/races) episodes, $(grep -c ^error_d /tmp/races) with" \
	"the driver, $(grep -c ^slot_reset /tmp/races) to their end"
for text in "WARNING: " "BUG: " "gate: "; do
	! logged "$text" || fail "in the log: $text"
done
finish

start "the device is given up: calls end, with the driver still bound or not"
load
use gone
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
