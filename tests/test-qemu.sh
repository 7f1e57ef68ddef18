#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# QEMU as we build it: what its EEH model does, and that it has our devices
set -eu

# shellcheck disable=SC2034 # for lib.sh
me=test-qemu
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

ppc64=$("$here/tools/qemu/build" ppc64)
s390x=$("$here/tools/qemu/build" s390x)
source=$("$here/tests/fetch" qemu)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# has(qemu, machine, device) - does the QEMU have the device?
has() {
	"$1" -M "$2" -device help 2> /dev/null | grep -q "^name \"$3\""
}

# another() - is what was built before found, whatever the directory?
again() {
	[ "$(cd / && "$here/tools/qemu/build" ppc64)" = "$ppc64" ]
}

# changed(file, from, to) - building with a changed QEMU fails, and says FILE
changed() {
	rm -rf "$tmp/cache"
	mkdir -p "$tmp/cache"
	# Links, unless that is another file system.
	cp -al "$source" "$tmp/cache" 2> /dev/null || {
		rm -rf "$tmp/cache/$(basename "$source")"
		cp -a "$source" "$tmp/cache"
	}
	sed "s/$2/$3/" "$source/$1" > "$tmp/changed"
	rm "$tmp/cache/$(basename "$source")/$1"
	cp "$tmp/changed" "$tmp/cache/$(basename "$source")/$1"
	! PCI_RECOVERY_CACHE=$tmp/cache "$here/tools/qemu/build" ppc64 \
		> "$tmp/out" 2>&1 &&
		grep -q "$1: cannot be edited, QEMU has changed" "$tmp/out"
}

style() {
	"$source/scripts/checkpatch.pl" --no-tree --strict -f \
		"$here/tools/qemu/spapr_pci_eeh.c" > "$tmp/out" 2>&1 ||
		{ cat "$tmp/out" >&2; return 1; }
}

"$here/tools/qemu/test-eeh" "$ppc64" > "$tmp/model" || :
while read -r result _ name; do
	case $result in
	ok | not) check "EEH: ${name#[0-9]* }" [ "$result" = ok ] ;;
	esac
done < "$tmp/model"
check "EEH: all of it was tested" grep -q "^1\.\." "$tmp/model"
for device in nvme e1000e virtio-net-pci edu; do
	check "ppc64 has $device" has "$ppc64" pseries "$device"
done
for device in nvme e1000e virtio-net-pci virtio-net-ccw zpci; do
	check "s390x has $device" has "$s390x" s390-ccw-virtio "$device"
done
check "what is built already is not built again" again
check "a changed spapr.h is not built" changed include/hw/ppc/spapr.h \
	"RTAS_TOKEN_BASE + 0x2D" "RTAS_TOKEN_BASE + 0x3D"
check "a changed spapr.c is not built" changed hw/ppc/spapr.c \
	"spapr_dt_rtas_tokens(fdt, rtas)" "spapr_dt_rtas_tokens_v2(fdt, rtas)"
check "the model is in QEMU's style" style
plan
