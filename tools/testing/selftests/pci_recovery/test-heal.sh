#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Real drivers heal by themselves after a real error, on the same pci_dev: those
# with error handlers, and virtio-rng, which has none that help.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 7

# one_log_line(function) - how it ended is said once
one_log_line() {
	expect "$1: lines in the log" "$2" \
		"$(dmesg | grep -c "$1: recovery [0-9]*: recovered by")"
}

start "virtio-net: ping, DMA fault, ping"
id=$(identity "$NET")
group=$(readlink "$DEVICES/$NET/iommu_group")
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping before"
mark
inject "$NET" dma
ping -c 1 -W 1 10.0.2.2 > /dev/null 2>&1
healed "$NET" virtio-pci
kept "$NET" "$id"
expect "IOMMU group" "$group" "$(readlink "$DEVICES/$NET/iommu_group")"
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
one_log_line "$NET" 1
finish

start "virtio-net: five times over"
id=$(identity "$NET")
for i in 1 2 3 4 5; do
	mark
	inject "$NET" translate
	healed "$NET" virtio-pci
	[ -z "$why" ] || break
done
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after $i"
kept "$NET" "$id"
finish

start "virtio-rng: DMA fault"
id=$(identity "$RNG")
echo virtio_rng.0 > /sys/class/misc/hw_random/rng_current 2> /dev/null
dd if=/dev/hwrng of=/dev/null bs=16 count=1 2> /dev/null ||
	fail "no random numbers before"
inject "$RNG" dma
timeout 5 dd if=/dev/hwrng of=/dev/null bs=64 count=4 2> /dev/null
rebound "$RNG" virtio-pci
kept "$RNG" "$id"
timeout 10 dd if=/dev/hwrng of=/dev/null bs=16 count=1 2> /dev/null ||
	fail "no random numbers after"
finish

start "virtio-blk, idle"
id=$(identity "$BLK")
disk=$(basename "$DEVICES/$BLK"/virtio*/block/*)
dd if=/dev/urandom of=/tmp/data bs=4k count=16 2> /dev/null
dd if=/tmp/data of="/dev/$disk" bs=4k conv=fsync 2> /dev/null ||
	fail "cannot write before"
inject "$BLK" translate
healed "$BLK" virtio-pci
kept "$BLK" "$id"
dd if="/dev/$disk" bs=4k count=16 2> /dev/null | cmp - /tmp/data ||
	fail "other data after than before"
finish

start "two functions that fail together heal together"
id=$(identity "$NET") id2=$(identity "$NET2")
set_test wrap=virtio-pci hold=error_detected
inject "$NET" translate
held error_detected
inject "$NET2" translate
wait_for "$LIMIT" begun "$NET2" || fail "one waits for the other"
release
healed "$NET" virtio-pci
healed "$NET2" virtio-pci
kept "$NET" "$id"
kept "$NET2" "$id2"
overlap=$(sed -n '
	s/.*pci_recovery_begin: .*dev_name='"$NET2"' .*/begin2/p
	s/.*pci_recovery_end: .*dev_name='"$NET"' .*/end1/p' \
	"$TRACE/trace" | tr '\n' ' ')
expect "order" "begin2 end1 " "$overlap"
finish

start "no driver: reset and restored, and a driver can bind then"
rebind "$NET2" ''
id=$(identity "$NET2")
mark
inject "$NET2" translate
expect_steps "$NET2" <<'STEPS'
begin error
freeze
reset
restore
end recovered reset
STEPS
kept "$NET2" "$id"
working "$NET2"
rebind "$NET2" virtio-pci
finish

start "every episode has an id of its own, in all its events"
ids=$(dmesg | sed -n 's/.*: recovery \([0-9]*\): .*/\1/p')
expect "ids" "$(echo "$ids" | sort -u | wc -l)" "$(echo "$ids" | wc -l)"
mark
inject "$NET" translate
wait_for "$LIMIT" ends "$NET" 1
expect "ids of one episode" 1 "$(sed -n 's/.*episode=\([0-9]*\) .*/\1/p' \
	"$TRACE/trace" | sort -u | wc -l)"
finish

ktap_finished
