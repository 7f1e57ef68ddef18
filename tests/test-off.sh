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

need make s390x-linux-gnu-gcc s390x-linux-gnu-objdump \
	powerpc64le-linux-gnu-gcc powerpc64le-linux-gnu-objdump ccache
find_tree
lock "build-$id"
"$here/tools/splice/splice" "$tree"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# hooked - the paths of the files that are edited for the chosen build, without .c
hooked() {
	sed -n "s,.* file in \"\(.*\)\.c\"@\$,\1,p" \
		"$here"/tools/splice/hooks/*.cocci | sort -u |
		grep -E "^(arch/$karch|drivers)/"
}

# build(y or n) - the hooked objects, in a build directory of its own
build() {
	build=$cache/build/$id-$flavour-off-$1
	open_build
	{
		# The hooks move lines, and who debugs locks passes them on.
		fragments | grep -v /debug.config | xargs cat
		[ "$1" = y ] || echo "CONFIG_PCI_RECOVERY=n"
	} > "$build/fragment"
	for target in allnoconfig "$(hooked | sed 's/$/.o/')"; do
		# shellcheck disable=SC2086 # several targets
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
	"${cross}objdump" -dr "$1" | sed 1,3d
}

# pristine(path) - compile PATH.c.orig as PATH.c was, into $tmp/pristine.o
pristine() {
	src=$tree/$1.c
	command=$(sed -n "s/^savedcmd_[^ ]* := //p" \
		"$build/$(dirname "$1")/.$(basename "$1").o.cmd")
	command=$(echo "$command" | sed "s| -Wp,-MMD,[^ ]*||; s|^ccache ||
		s| -o [^ ]*\.o [^ ]*\.c.*| -o $tmp/pristine.o -x c -|")
	{
		echo "# 1 \"$src\""
		cat "$src.orig"
	} | (cd "$build" && eval "$command -I$(dirname "$src")")
}

# compare(path) - is the code with and without the hooks the same?
compare() {
	rm -f "$tmp/pristine.s"
	pristine "$1" || return 1
	code "$tmp/pristine.o" > "$tmp/pristine.s"
	code "$build/$1.o" > "$tmp/hooked.s"
	[ -s "$tmp/pristine.s" ] && cmp -s "$tmp/pristine.s" "$tmp/hooked.s"
}

differ() {
	! compare "$1" && [ -s "$tmp/pristine.s" ]
}

for flavour in s390x ppc64le; do
	set_build $flavour
	build n
	for path in $(hooked); do
		check "$path.o is the same without CONFIG_PCI_RECOVERY" \
			compare "$path"
	done
	# So that the above can be believed:
	build y
	for path in $(hooked); do
		check "$path.o is another with CONFIG_PCI_RECOVERY" \
			differ "$path"
	done
done
plan
