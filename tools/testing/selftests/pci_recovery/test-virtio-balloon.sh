#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --devices l0
#
# virtio-balloon is rebound, and remove() does not wait for what the device will not
# do any more.  QEMU's has no MSI-X, without which there is none on s390.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=window.sh
. "$DIR/window.sh"

BALLOON=0001:00:00.0

ktap_set_plan 3

# balloon(MiB) - what the guest is to be left
balloon() {
	command="{\"execute\": \"balloon\","
	command="$command \"arguments\": {\"value\": $(($1 << 20))}}"
	host qmp "$command" | grep -q '"return"' || fail "QEMU knows no balloon"
}

# free_memory() - in MiB
free_memory() {
	awk '/^MemTotal:/ { printf "%d\n", $2 / 1024 }' /proc/meminfo
}

less_memory() {
	[ "$(free_memory)" -lt "$1" ]
}

start "virtio-balloon, inflated"
id=$(identity "$BALLOON")
all=$(free_memory)
balloon $((all - 64))
wait_for "$LIMIT" less_memory $((all - 40)) || fail "is not inflated"
mark
inject "$BALLOON" translate
rebound "$BALLOON" virtio-pci
kept "$BALLOON" "$id"
finish

start "virtio-balloon, while it is being inflated"
balloon $((all + 512))
sleep 1
mark
balloon $((all - 150))
inject "$BALLOON" translate
rebound "$BALLOON" virtio-pci
kept "$BALLOON" "$id"
finish

start "virtio-balloon that needs a reset, and is not recovered, while it is inflated"
find_window "$BALLOON"
balloon $((all + 512))
sleep 1
all=$(free_memory)
echo 0 > "$DEVICES/$BALLOON/recovery/auto"
mark
aim "$BALLOON" $QUEUE_ENABLE
# So much that this is in the middle of it.
balloon $((all - 500))
shoot "$BALLOON" '\2\0'
before=$(free_memory)
wait_for "$LIMIT" less_memory $((all - 480)) || fail "waits for the device"
echo "# it was broken with $((all - before)) MiB taken, of 500"
[ "$before" -gt $((all - 480)) ] || fail "was not broken in the middle"
expect "steps" "" "$(steps "$BALLOON")"
echo 1 > "$DEVICES/$BALLOON/recovery/auto"
recover "$BALLOON" || fail "does not recover"
expect "$BALLOON: driver" virtio-pci "$(driver "$BALLOON")"
kept "$BALLOON" "$id"
working "$BALLOON"
finish

ktap_finished
