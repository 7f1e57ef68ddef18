#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --append "nvme_core.io_timeout=2" --timeout 500
#
# Real drivers heal after real EEH freezes, whoever finds them, on the same
# pci_dev: those with error handlers, and those without.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

ktap_set_plan 10

# aware(function, driver) - expect the steps of a reset that the driver asked for
aware() {
	reset_once "$1" "$2"
	expect "$1: driver" "$2" "$(driver "$1")"
	expect_uevents "$1" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
	expect "$1: flags" "0x00000078 0x00000000" "$(attr "$1" eeh_pe_state)"
	working "$1"
}

start "nvme: read load, MMIO error, data checked"
id=$(identity "$NVME")
sum=$(checksum)
load
mark
inject "$NVME" translate
aware "$NVME" nvme
unload "$sum"
kept "$NVME" "$id"
finish

start "nvme: read load, wild DMA, found by the driver's timeout"
id=$(identity "$NVME")
load
mark
inject "$NVME" dma
aware "$NVME" nvme
expect_logged nvme_timeout
stop_load
expect "what is read after it" "$sum" "$(checksum)"
kept "$NVME" "$id"
finish

start "nvme: five errors, one after the other"
id=$(identity "$NVME")
load
for _ in 1 2 3 4 5; do
	mark
	inject "$NVME" translate
	aware "$NVME" nvme
	[ -z "$why" ] || break
done
unload "$sum"
kept "$NVME" "$id"
finish

start "e1000e: ping, error, found by config read, ping"
id=$(identity "$E1000E")
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping before"
net=$(network "$E1000E")
mark
inject "$E1000E" config
look "$E1000E"
aware "$E1000E" e1000e
expect_logged rtas_pci_read_config
expect "netdev" "$net" "$(network "$E1000E")"
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
kept "$E1000E" "$id"
finish

start "e1000e: found by its driver's MMIO read"
mark
inject "$E1000E" mmio
aware "$E1000E" e1000e
expect_logged e1000_watchdog_task
ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping after"
finish

start "virtio-net: ping, error, ping"
id=$(identity "$NET")
group=$(readlink "$DEVICES/$NET/iommu_group")
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping before"
mark
inject "$NET" translate
healed "$NET" virtio-pci
kept "$NET" "$id"
expect "IOMMU group" "$group" "$(readlink "$DEVICES/$NET/iommu_group")"
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
finish

start "virtio-rng: error, random numbers after it"
id=$(identity "$RNG")
mark
inject "$RNG" translate
rebound "$RNG" virtio-pci
kept "$RNG" "$id"
dd if=/dev/hwrng of=/dev/null bs=16 count=1 2> /dev/null ||
	fail "no random numbers after"
finish

start "virtio-blk, idle: error, the same data after it"
id=$(identity "$BLK")
old=$(dd if=/dev/vda bs=64k count=16 2> /dev/null | md5sum)
mark
inject "$BLK" translate
healed "$BLK" virtio-pci
kept "$BLK" "$id"
expect "data" "$old" "$(dd if=/dev/vda bs=64k count=16 2> /dev/null | md5sum)"
finish

start "without a driver: error, BARs and the rest as before"
id=$(identity "$RNG2")
rebind "$RNG2" ''
old=$(hexdump -v -s 8 -n 56 "$DEVICES/$RNG2/config")
mark
inject "$RNG2" translate
expect_steps "$RNG2" <<STEPS
begin error
freeze
reset
restore
end recovered reset
STEPS
expect "config space" "$old" "$(hexdump -v -s 8 -n 56 "$DEVICES/$RNG2/config")"
rebind "$RNG2" virtio-pci
kept "$RNG2" "$id"
finish

start "recover, without an error"
id=$(identity "$NVME")
mark
recover "$NVME" || fail "recover fails"
expect "outcome" recovered "$(attr "$NVME" recovery/last_outcome)"
expect "data" "$sum" "$(checksum)"
kept "$NVME" "$id"
finish

ktap_finished
