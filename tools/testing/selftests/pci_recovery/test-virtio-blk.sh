#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --timeout 900
#
# virtio-blk with I/O in flight: it heals without being unbound, and who reads and
# writes sees no error; or, if it is gone for good, an error at once.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

ERRORS=${ERRORS:-100}

ktap_set_plan 11

# same_disk(function, disk, inode) - it was not taken away and added again
same_disk() {
	expect "$1: disk" "$2" "$(disk "$1")"
	expect "$1: inode of the disk" "$3" "$(stat -c %i "/sys/block/$2/")"
}

# heal(function) - an error, and its episode
heal() {
	mark
	inject "$1" translate
	reset_under_load "$1" virtio-pci
}

# give_up(function, errors) - that many are too many
give_up() {
	if [ $PLATFORM = eeh ]; then
		echo "$2" > "$EEH/eeh_max_freezes"
	else
		echo "$2" > "$DEVICES/$1/recovery/max_freezes"
	fi
}

# failed_ms() - from the marker to the last request that failed
failed_ms() {
	sed 's/.* \([0-9]*\)\.\([0-9]\{6\}\): \([a-z_]*\): /\3 \1 \2 /' "$TRACE/trace" |
		awk '$1 == "tracing_mark_write" { from = $2 * 1000 + $3 / 1000 }
			$1 == "block_rq_complete" && $NF == "[-5]" {
				ms = $2 * 1000 + $3 / 1000 - from
			}
			END { printf "%d\n", from && ms ? ms : 1000000 }'
}

# io_fails(function, what...) - I/O in flight ends within a second, after that
io_fails() {
	f=$1
	shift
	echo 1 > "$TRACE/events/block/block_rq_complete/enable"
	wait_for "$LIMIT" has_in_flight "$(disk "$f")" || fail "no I/O"
	echo "from here" > "$TRACE/trace_marker"
	"$@"
	wait_for "$LIMIT" stopped || fail "I/O does not end"
	took=$(failed_ms)
	echo 0 > "$TRACE/events/block/block_rq_complete/enable"
	echo "# I/O ended after $took ms"
	# Within a second; but the guest may not run for a while.
	[ "$took" -le 3000 ] || fail "I/O ended only after $took ms"
	grep -q "failed: -0005" $LOAD/errors ||
		fail "no I/O error: $(cat $LOAD/errors)"
}

# unbinds(function) - its driver's remove() ends
unbinds() {
	echo "$1" > "$DEVICES/$1/driver/unbind" &
	unbinder=$!
	wait_for "$LIMIT" is_over "$unbinder" ||
		fail "remove() hangs: $(cat /proc/$unbinder/stack)"
	wait $unbinder
	expect "$1: driver" "" "$(driver "$1")"
}

start "a write load, an error: no error is seen, on the same disk"
id=$(identity "$BLK")
vd=$(disk "$BLK")
ino=$(stat -c %i "/sys/block/$vd/")
write_load "$vd"
heal "$BLK"
expect_uevents "$BLK" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
verified
same_disk "$BLK" "$vd" "$ino"
kept "$BLK" "$id"
working "$BLK"
finish

start "$ERRORS errors under load"
id=$(identity "$BLK")
write_load "$vd"
before=$(passes)
mark
strike "$BLK" "$ERRORS"
all_by "$BLK" reset "$ERRORS"
verified
echo "# $(($(passes) - before)) passes"
same_disk "$BLK" "$vd" "$ino"
kept "$BLK" "$id"
finish

start "errors soon after errors"
write_load "$vd"
strike_twice "$BLK" $((ERRORS / 4))
verified
same_disk "$BLK" "$vd" "$ino"
kept "$BLK" "$id"
finish

start "CPUs go and come meanwhile"
write_load "$vd"
toggle_cpu
mark
strike "$BLK" 20
all_by "$BLK" reset 20
no_toggle_cpu 3
verified
same_disk "$BLK" "$vd" "$ino"
finish

start "the cache is written through as before"
echo "write through" > "/sys/block/$vd/cache_type"
heal "$BLK"
expect "the device's cache" "write through" "$(cat "/sys/block/$vd/cache_type")"
echo 0 > "$DEVICES/$BLK/recovery/auto"
mark
inject "$BLK" translate
wait_for "$LIMIT" ends "$BLK" 1 || fail "no end"
expect "its cache while it is frozen" "write through" \
	"$(cat "/sys/block/$vd/cache_type")"
echo "write back" > "/sys/block/$vd/cache_type"
echo 1 > "$DEVICES/$BLK/recovery/auto"
recover "$BLK" || fail "does not recover"
expect "the device's cache as written meanwhile" "write back" \
	"$(cat "/sys/block/$vd/cache_type")"
finish

start "an operator's recover, under load"
write_load "$vd"
mark
recover "$BLK" || fail "error"
expect "steps" "slot_reset virtio-pci" "$(steps "$BLK" | grep ^slot_reset)"
verified
same_disk "$BLK" "$vd" "$ino"
finish

start "cached writes, and more of them than a virtqueue holds"
dd if=/dev/urandom of=/tmp/data bs=64k count=32 2> /dev/null
throttle b0/virtio-backend 500000
mark
(dd if=/tmp/data of="/dev/$vd" bs=64k conv=fsync 2> /tmp/err; echo $? > /tmp/rc) &
wait_for "$LIMIT" has_in_flight "$vd" || fail "no I/O"
inject "$BLK" translate
throttle b0/virtio-backend 0
reset_under_load "$BLK" virtio-pci
wait_for "$LIMIT" test -s /tmp/rc || fail "the writer hangs"
expect "the writer" 0 "$(cat /tmp/rc)"
echo 3 > /proc/sys/vm/drop_caches
dd if="/dev/$vd" bs=64k count=32 2> /dev/null | cmp - /tmp/data ||
	fail "other data than was written"
rm /tmp/rc
finish

if [ $PLATFORM = eeh ]; then
	start "an error of DMA is found by a request that takes long"
	echo 1000 > "/sys/block/$vd/queue/io_timeout"
	write_load "$vd"
	mark
	inject "$BLK" dma
	reset_under_load "$BLK" virtio-pci
else
	start "an error of DMA"
	write_load "$vd"
	mark
	inject "$BLK" dma
	reset_under_load "$BLK" virtio-pci
fi
verified
same_disk "$BLK" "$vd" "$ino"
finish

start "given up: I/O in flight fails at once, and remove() ends"
id=$(identity "$BLK")
write_load "$vd"
give_up "$BLK" 0
mark
io_fails "$BLK" inject "$BLK" translate
no_load 1
wait_for "$LIMIT" ends "$BLK" 1 || fail "no end"
expect "outcome" failed "$(attr "$BLK" recovery/last_outcome)"
expect "bytes that can be read afterwards" 0 \
	"$(dd if="/dev/$vd" bs=4k count=1 2> /dev/null | wc -c)"
unbinds "$BLK"
give_up "$BLK" 1000
kept "$BLK" "$id"
# Of EEH the firmware keeps it then.
if [ $PLATFORM != eeh ]; then
	recover "$BLK" || fail "does not recover"
	rebind "$BLK" virtio-pci
	write_load "$(disk "$BLK")"
	verified
fi
finish

start "unbound by hand while it is frozen, with I/O in flight"
vd=$(disk "$BLK2")
write_load "$vd"
echo 0 > "$DEVICES/$BLK2/recovery/auto"
mark
inject "$BLK2" translate
wait_for "$LIMIT" ends "$BLK2" 1 || fail "no end"
expect "outcome" refused "$(attr "$BLK2" recovery/last_outcome)"
io_fails "$BLK2" unbinds "$BLK2"
no_load 1
echo 1 > "$DEVICES/$BLK2/recovery/auto"
recover "$BLK2" || fail "does not recover"
rebind "$BLK2" virtio-pci
write_load "$(disk "$BLK2")"
verified
finish

start "gone: I/O in flight fails at once, and the function goes"
vd=$(disk "$BLK2")
if [ $PLATFORM = eeh ]; then
	why=''
	ktap_test_skip "$name: no such event"
else
	write_load "$vd"
	mark
	io_fails "$BLK2" inject "$BLK2" "event 0x304"
	no_load 1
	wait_for "$LIMIT" test ! -e "$DEVICES/$BLK2/driver" ||
		fail "the driver is still there"
	finish
fi

ktap_finished
