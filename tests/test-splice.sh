#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The splice: complete, idempotent, reversible, and loud when it cannot be right
set -eu

# shellcheck disable=SC2034 # for lib.sh
me=test-splice
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

find_tree
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
event=arch/s390/pci/pci_event.c
sysfs=arch/s390/pci/pci_sysfs.c
kconfig=drivers/pci/Kconfig
edited=$(sed -n 's/.* file in "\(.*\)"@$/\1/p' "$here"/tools/splice/hooks/*.cocci |
	sort -u)

# The overlay may change, so a copy; of the tree, just the files that matter.
for d in arch drivers include Documentation tools; do
	[ ! -d "$here/$d" ] || cp -a "$here/$d" "$tmp/$d"
done
mkdir "$tmp/pristine" "$tmp/linux"
for f in $edited $kconfig Makefile Kbuild; do
	mkdir -p "$tmp/pristine/$(dirname "$f")"
	from=$tree/$f
	[ ! -e "$from.orig" ] || from=$from.orig
	cp -p "$from" "$tmp/pristine/$f"
done

# fresh - a tree as upstream made it
fresh() {
	rm -rf "$tmp/linux"
	cp -a "$tmp/pristine" "$tmp/linux"
}

splice() {
	"$tmp/tools/splice/splice" "$tmp/linux" > "$tmp/out" 2>&1
}

undo() {
	"$tmp/tools/splice/splice" "$tmp/linux" --undo > "$tmp/out" 2>&1
}

# state - everything of the tree, times included
state() {
	(cd "$tmp/linux" && find . -type f -printf '%p %T@ ' -exec cksum {} \;) |
		sort
}

unchanged() {
	state > "$tmp/state"
	splice && state | diff "$tmp/state" - >&2
}

# refuses(text) - splicing fails, and says TEXT
refuses() {
	! splice && grep -q "$1" "$tmp/out"
}

same_as_pristine() {
	diff -r "$tmp/pristine" "$tmp/linux" >&2
}

has() {
	[ "$(grep -cF "$2" "$tmp/linux/$1")" -eq 1 ]
}

unedited() {
	! echo "$edited" | grep -qxF "$1" && missing "$1"
}

missing() {
	[ ! -e "$tmp/linux/$1" ]
}

# renamed(file, name) - splicing onto a tree where NAME in FILE has another name
renamed() {
	fresh
	sed -i "s/\\b$2\\b/${2}_v2/" "$tmp/linux/$1"
	refuses "$1: nothing to hook, upstream has changed"
}

fresh
check "splices" splice
check "the error event is hooked" \
	has $event "zpci_recovery_error(data, __zpci_event_error);"
check "the availability event is hooked" \
	has $event "zpci_recovery_availability(data, __zpci_event_availability);"
check "recover is hooked" \
	has $sysfs "return pci_recovery_store(dev, attr, buf, count);"
check "virtio has members of ours" \
	has include/linux/virtio.h "struct virtio_recovery_driver recovery;"
check "virtio-pci registers our handlers" \
	has drivers/virtio/virtio_pci_common.c "virtio_pci_recovery_register,"
check "virtio-blk has our operations" \
	has drivers/block/virtio_blk.c "virtio_blk_recovery_driver,"
check "virtio-net does not wait for ever" \
	has drivers/net/virtio_net.c "!virtio_recovery_broken(vi->cvq)"
# A distribution's modules are built for what these are.
check "struct pci_dev is as it was" unedited include/linux/pci.h
check "struct device is as it was" unedited include/linux/device.h
check "Kconfig is hooked" has $kconfig drivers/pci/recovery/Kconfig
check "our files are there" \
	cmp "$tmp/include/linux/pci-recovery.h" \
	"$tmp/linux/include/linux/pci-recovery.h"
check "a second splice changes nothing" unchanged
cp -p "$tmp/linux/$event" "$tmp/event"
echo '/* more */' >> "$tmp/include/linux/pci-recovery.h"
splice
check "a changed file of ours is copied again" cmp "$tmp/include/linux/pci-recovery.h" \
	"$tmp/linux/include/linux/pci-recovery.h"
check "a changed file of ours leaves others alone" [ ! "$tmp/linux/$event" -nt "$tmp/event" ]

mkdir "$tmp/drivers/pci/recovery/old"
touch "$tmp/drivers/pci/recovery/old/gone.c"
splice
rm -r "$tmp/drivers/pci/recovery/old"
splice
check "a file that vanished from the overlay is removed" missing drivers/pci/recovery/old

# Upstream changes below a tree that is spliced: the user put a new file there.
sed 's/^#include <linux.kernel.h>/&\n#include <linux\/errno.h>/' \
	"$tmp/pristine/$event" > "$tmp/linux/$event"
splice
check "an updated upstream file is hooked" has $event "zpci_recovery_error("
check "an updated upstream file keeps its update" has $event "linux/errno.h"
fresh
splice
undo
check "--undo gives back identical files" same_as_pristine
check "--undo is harmless a second time" undo

fresh
mkdir -p "$tmp/linux/drivers/pci/recovery"
touch "$tmp/linux/drivers/pci/recovery/Kconfig"
check "a file of upstream's by our name is refused" \
	refuses "recovery/Kconfig: upstream has a file of that name"
rm -r "$tmp/linux/drivers/pci/recovery"
check "a refused splice changed nothing" same_as_pristine
check "a hook without its function fails" renamed $event zpci_event_error
check "a hook without its call fails" renamed $event __zpci_event_availability
check "a hook without recover_store() fails" renamed $sysfs recover_store
check "a hook without a member of virtio fails" \
	renamed include/linux/virtio.h restore
check "a hook without an initializer fails" \
	renamed drivers/block/virtio_blk.c virtblk_remove
fresh
rm "$tmp/linux/$sysfs"
check "a hook without its file fails" refuses "$sysfs: nothing to hook"
fresh
rm "$tmp/linux/Makefile"
check "another directory is refused" refuses "not a Linux source tree"

fresh
splice
rm "$tmp/linux/drivers/pci/recovery/Kconfig" "$tmp/linux/$event"
cp -p "$tmp/pristine/$event" "$tmp/linux/$event"
splice
check "an interrupted splice is completed with files" \
	[ -e "$tmp/linux/drivers/pci/recovery/Kconfig" ]
check "an interrupted splice is completed with hooks" has $event "zpci_recovery_error("
plan
