#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --machine powernv9 --timeout 600
#
# EEH without a hypervisor.  QEMU's model of it never freezes anything, so all
# errors here are forced.  Each reset takes six seconds, as it does upstream.

NET=0000:01:00.0 NVME=0003:01:00.0 E1000E=0004:01:00.0
export NET

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 4

# pe(function) - as eeh_force_recover knows it
pe() {
	domain=${1%%:*}
	echo "$((0x$domain)):$(attr "$1" eeh_pe_config_addr | sed 's/0x//')"
}

aware() {
	expect_steps "$1" <<STEPS
begin $3
freeze
error_detected $2
vote error_detected NEED_RESET
reset
slot_reset $2
vote slot_reset RECOVERED
resume $2
end recovered reset
STEPS
	working "$1"
}

start "nvme: eeh_force_recover"
id=$(identity "$NVME")
sum=$(dd if=/dev/nvme0n1 bs=64k count=16 2> /dev/null | md5sum)
mark
put "$(pe "$NVME")" "$EEH/eeh_force_recover"
aware "$NVME" nvme error
kept "$NVME" "$id"
expect "data" "$sum" "$(dd if=/dev/nvme0n1 bs=64k count=16 2> /dev/null | md5sum)"
finish

start "virtio-net: eeh_force_recover, on the same pci_dev"
id=$(identity "$NET")
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping before"
mark
put "$(pe "$NET")" "$EEH/eeh_force_recover"
reset_once "$NET" virtio-pci
kept "$NET" "$id"
working "$NET"
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping after"
finish

start "e1000e: recover"
id=$(identity "$E1000E")
mark
recover "$E1000E" || fail "recover fails"
aware "$E1000E" e1000e operator
kept "$E1000E" "$id"
finish

start "removed and scanned again, it recovers"
echo 1 > "$DEVICES/$NET/remove"
echo 1 > /sys/bus/pci/rescan
wait_for "$LIMIT" test -e "$DEVICES/$NET/recovery" || fail "it is not back"
wait_for "$LIMIT" test -e "$DEVICES/$NET/driver" || fail "no driver"
mark
recover "$NET" || fail "recover fails"
working "$NET"
finish

ktap_finished
