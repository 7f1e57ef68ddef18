#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --devices b0,s0,z0 --timeout 300
#
# Errors of disks whose driver is being bound or unbound, and waits for I/O in that.
# Recovery has to wait for probe() and remove(), so something else ends the I/O.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

DISK=0001:00:00.0 SCSI=0002:00:00.0 NULL=0003:00:00.0
DRIVERS=/sys/bus/virtio/drivers

ktap_set_plan 4

# error_ends(function, disk of QEMU, process) - an error, and the process ends
error_ends() {
	mark
	inject "$1" translate
	wait_for "$LIMIT" is_over "$3" || fail "hangs: $(cat "/proc/$3/stack")"
	# What comes after it works.
	throttle "$2" 0
	wait_for "$LIMIT" ends "$1" 1 || fail "$1: no end"
	wait_for "$LIMIT" quiet "$1" || fail "$1: still busy"
}

# serves(function) - as if nothing had been
serves() {
	working "$1"
	wait_for "$LIMIT" has_disk "$1" || fail "$1: no disk"
	write_load "$(disk "$1")"
	verified
}

has_disk() {
	[ -b "/dev/$(disk "$1")" ]
}

# loaded(function, disk of QEMU) - there is I/O in flight that will stay there
loaded() {
	wait_for "$LIMIT" has_disk "$1" || fail "$1: no disk"
	write_load "$(disk "$1")"
	throttle "$2" 1
	wait_for "$LIMIT" stuck "$(disk "$1")" || fail "no I/O in flight"
}

# unbinds(function, disk of QEMU, function of the kernel) - an error when it waits there
unbinds() {
	id=$(identity "$1")
	loaded "$1" "$2"
	echo "$1" > "$DEVICES/$1/driver/unbind" &
	unbinder=$!
	waits_for_ever "$3" $unbinder
	error_ends "$1" "$2" $unbinder
	no_load "$LIMIT"
	expect "$1: driver" "" "$(driver "$1")"
	rebind "$1" virtio-pci
	serves "$1"
	kept "$1" "$id"
}

# read_null() - read from the disk that stores nothing; what comes first is taken at
#	once, and counts
read_null() {
	echo 3 > /proc/sys/vm/drop_caches
	[ "$(dd if="/dev/$(disk "$NULL")" bs=64k count=1 2> /dev/null | wc -c)" -eq 65536 ]
}

start "virtio-blk, when remove() waits for I/O"
unbinds "$DISK" b0/virtio-backend del_gendisk
finish

start "virtio-blk, when probe() reads the partition table"
throttle z0/virtio-backend 0 1
read_null || fail "cannot be read"
rebind "$NULL" ''
echo > "$DEVICES/$NULL/driver_override"
echo "$NULL" > /sys/bus/pci/drivers_probe &
binder=$!
waits_for_ever device_add_disk $binder
error_ends "$NULL" z0/virtio-backend $binder
expect "$NULL: driver" virtio-pci "$(driver "$NULL")"
wait_for "$LIMIT" read_null || fail "cannot be read afterwards"
working "$NULL"
finish

start "virtio-blk, unbound from its own bus"
vdev=$(basename "$DEVICES/$DISK"/virtio*)
loaded "$DISK" b0/virtio-backend
echo "$vdev" > $DRIVERS/virtio_blk/unbind &
unbinder=$!
waits_for_ever del_gendisk $unbinder
error_ends "$DISK" b0/virtio-backend $unbinder
no_load "$LIMIT"
# That of PCI was rebound for it, maybe.
if [ ! -e "/sys/bus/virtio/devices/$vdev/driver" ]; then
	echo "$vdev" > $DRIVERS/virtio_blk/bind
fi
serves "$DISK"
finish

start "virtio-scsi, when remove() waits for I/O"
unbinds "$SCSI" s1 scsi_remove_host
finish

ktap_finished
