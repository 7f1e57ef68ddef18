#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: s390x ppc64le
# vm: --append pci_recovery=off --allow-hung
#
# With pci_recovery=off, as upstream: a disk with I/O in flight hangs in
# del_gendisk() for ever, a network device in vp_reset(), and with them all recovery.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=load.sh
. "$DIR/load.sh"

if ! grep -q pci_recovery=off /proc/cmdline; then
	ktap_skip_all "needs a boot with pci_recovery=off"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 4

start "virtio-blk with I/O in flight: remove() hangs in del_gendisk()"
vd=$(disk "$BLK")
write_load "$vd"
throttle b0/virtio-backend 1
wait_for "$LIMIT" stuck "$vd" || fail "no I/O in flight"
inject "$BLK" translate
# EEH removes it by itself.
[ $PLATFORM = eeh ] || recover "$BLK" &
waits_for_ever del_gendisk
finish

start "and so does I/O that was in flight"
running || fail "the writers have ended: $(cat $LOAD/errors)"
finish

start "nothing else is recovered any more"
net=$(identity "$NET")
inject "$NET" translate
[ $PLATFORM = eeh ] || recover "$NET" &
sleep 12
expect "$NET" "$net" "$(identity "$NET")"
expect "$NET: config space" ffff "$(config "$NET" | cut -c1-4)"
finish

start "virtio-net: remove() hangs in vp_reset()"
echo "$NET" > "$DEVICES/$NET/driver/unbind" &
waits_for_ever vp_reset
finish

ktap_finished
