#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --append pci_recovery=off --allow-hung
#
# With pci_recovery=off, as upstream: a disk with I/O in flight hangs in
# del_gendisk() for ever, and with it all recovery.
#
# EEH stops DMA at once, so something is in flight.  On s390 that is chance, and if
# nothing is remove() hangs in vp_reset(), as in test-upstream.sh.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

if ! grep -q pci_recovery=off /proc/cmdline; then
	ktap_skip_all "needs a boot with pci_recovery=off"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 3

# waiting_in(function of the kernel) - is a task?
waiting_in() {
	grep -q "$1" /proc/[0-9]*/stack 2> /dev/null
}

start "virtio-blk with I/O in flight: remove() hangs in del_gendisk()"
vd=$(disk "$BLK")
write_load "$vd"
(while :; do
	dd if=/dev/zero of="/dev/$vd" bs=64k seek=128 count=64 conv=fsync || exit
done) 2> /dev/null &
wait_for "$LIMIT" has_in_flight "$vd" || fail "no I/O in flight"
inject "$BLK" translate
wait_for "$LIMIT" waiting_in del_gendisk || fail "nothing is in del_gendisk()"
sleep 5
waiting_in del_gendisk || fail "it has returned"
finish

start "and so does I/O that was in flight"
running || fail "the writers have ended: $(cat $LOAD/errors)"
finish

start "EEH recovers nothing else any more"
net=$(identity "$NET")
inject "$NET" translate
sleep 12
expect "$NET" "$net" "$(identity "$NET")"
expect "$NET: config space" ffff "$(config "$NET" | cut -c1-4)"
finish

ktap_finished
