#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Off means off: without CONFIG_PCI_RECOVERY, hooked files give the machine code
# that pristine ones give.
set -eu

# shellcheck disable=SC2034 # for lib.sh
me=test-off
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

need make s390x-linux-gnu-gcc s390x-linux-gnu-objdump ccache
find_tree
lock "build-$id"
"$here/tools/splice/splice" "$tree"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# build(y or n) - the hooked objects, in a build directory of its own
build() {
	build=$cache/build/$id-off-$1
	open_build
	{
		fragments | xargs cat
		[ "$1" = y ] || echo "CONFIG_PCI_RECOVERY=n"
	} > "$build/fragment"
	for target in allnoconfig "arch/s390/pci/pci_event.o
				   arch/s390/pci/pci_sysfs.o"; do
		# shellcheck disable=SC2086 # two targets
		kmake KCONFIG_ALLCONFIG="$build/fragment" $target \
			> "$tmp/log" 2>&1 || die "$(tail -n 20 "$tmp/log")"
	done
	if grep -q "^CONFIG_PCI_RECOVERY=y" "$build/.config"; then
		[ "$1" = y ]
	else
		[ "$1" = n ]
	fi || die "CONFIG_PCI_RECOVERY=$1 was lost"
}

# code(object) - its machine code
code() {
	s390x-linux-gnu-objdump -dr "$1" | sed 1,3d
}

# pristine(name) - compile NAME.c.orig as NAME.c was, into $tmp/NAME.o
pristine() {
	src=$tree/arch/s390/pci/$1.c
	command=$(sed -n "s/^savedcmd_[^ ]* := //p" \
		"$build/arch/s390/pci/.$1.o.cmd")
	command=$(echo "$command" | sed "s| -Wp,-MMD,[^ ]*||; s|^ccache ||
		s| -o [^ ]*\.o [^ ]*\.c.*| -o $tmp/$1.o -x c -|")
	{
		echo "# 1 \"$src\""
		cat "$src.orig"
	} | (cd "$build" && eval "$command -I$tree/arch/s390/pci")
}

# compare(name) - is the code with and without the hooks the same?
compare() {
	rm -f "$tmp/pristine.s"
	pristine "$1" || return 1
	code "$tmp/$1.o" > "$tmp/pristine.s"
	code "$build/arch/s390/pci/$1.o" > "$tmp/hooked.s"
	[ -s "$tmp/pristine.s" ] && cmp -s "$tmp/pristine.s" "$tmp/hooked.s"
}

differ() {
	! compare "$1" && [ -s "$tmp/pristine.s" ]
}

build n
for name in pci_event pci_sysfs; do
	check "$name.o is the same without CONFIG_PCI_RECOVERY" compare $name
done
# So that the above can be believed:
build y
for name in pci_event pci_sysfs; do
	check "$name.o is another with CONFIG_PCI_RECOVERY" differ $name
done
plan
