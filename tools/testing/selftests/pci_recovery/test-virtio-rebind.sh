#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --devices s0,c0,r0 --append scsi_mod.scan=async --timeout 500
#
# Virtio devices whose drivers cannot stop and go on are rebound, and no remove()
# waits for what the device will not do any more.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

SCSI=0001:00:00.0 SERIAL=0002:00:00.0 RNG=0003:00:00.0

ktap_set_plan 4

# port(function) - the character device of its serial port
port() {
	basename "$DEVICES/$1"/virtio*/virtio-ports/vport*
}

# has_sd() - the SCSI disk is there, it is $sd
has_sd() {
	sd=$(disk "$SCSI")
	[ -b "/dev/$sd" ]
}

# sent() - QEMU has taken what was written
sent() {
	awk '$1 == "name:" { ours = $2 == "null" }
		ours && $1 == "bytes_sent:" { sent = $2 }
		END { exit !sent }' \
		/sys/kernel/debug/virtio-ports/*
}

has_port() {
	[ -c "/dev/$(port "$SERIAL")" ]
}

start "virtio-rng, while it is read from"
id=$(identity "$RNG")
(while [ ! -e /tmp/stop ]; do
	dd if=/dev/hwrng of=/dev/null bs=16 count=4
done) 2> /dev/null &
reader=$!
for i in 1 2 3 4 5; do
	mark
	inject "$RNG" translate
	rebound "$RNG" virtio-pci
done
kept "$RNG" "$id"
touch /tmp/stop
wait_for "$LIMIT" is_over "$reader" || fail "the reader hangs"
dd if=/dev/hwrng of=/dev/null bs=16 count=4 2> /dev/null || fail "does not work"
finish

start "virtio-rng, unbound from its bus while it is frozen"
vdev=$(basename "$DEVICES/$RNG"/virtio*)
echo 0 > "$DEVICES/$RNG/recovery/auto"
mark
inject "$RNG" translate
wait_for "$LIMIT" ends "$RNG" 1 || fail "no end"
expect "outcome" refused "$(attr "$RNG" recovery/last_outcome)"
echo "$vdev" > "/sys/bus/virtio/drivers/virtio_rng/unbind" &
unbinder=$!
wait_for "$LIMIT" is_over "$unbinder" ||
	fail "remove() hangs: $(cat /proc/$unbinder/stack)"
[ ! -e "/sys/bus/virtio/devices/$vdev/driver" ] || fail "is still bound"
echo 1 > "$DEVICES/$RNG/recovery/auto"
recover "$RNG" || fail "does not recover"
dd if=/dev/hwrng of=/dev/null bs=16 count=4 2> /dev/null || fail "does not work"
finish

start "virtio-scsi, with I/O in flight: it ends with an error"
id=$(identity "$SCSI")
for i in 1 2; do
	wait_for "$LIMIT" has_sd || fail "no disk"
	write_load "$sd"
	mark
	inject "$SCSI" translate
	rebound "$SCSI" virtio-pci
	wait_for "$LIMIT" stopped || fail "I/O does not end"
done
kept "$SCSI" "$id"
wait_for "$LIMIT" has_sd || fail "no disk"
write_load "$sd"
verified
finish

start "virtio-console, while it is written to"
id=$(identity "$SERIAL")
for i in 1 2 3 4 5; do
	cat /dev/zero > "/dev/$(port "$SERIAL")" 2> /dev/null &
	writer=$!
	wait_for "$LIMIT" sent || fail "nothing is written"
	mark
	inject "$SERIAL" translate
	rebound "$SERIAL" virtio-pci
	kill $writer 2> /dev/null
	wait_for "$LIMIT" is_over "$writer" || fail "the writer hangs"
	wait_for "$LIMIT" has_port || fail "no port"
done
kept "$SERIAL" "$id"
echo > "/dev/$(port "$SERIAL")" &
writer=$!
wait_for "$LIMIT" is_over $writer ||
	fail "does not work: $(cat /sys/kernel/debug/virtio-ports/*)"
finish

ktap_finished
