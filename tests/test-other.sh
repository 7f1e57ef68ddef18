#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The other Linux version: the overlay goes onto it, and compiles without warning
set -eu

# shellcheck disable=SC2034 # for lib.sh
me=test-other
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

case $LINUX in
7.2*) LINUX=6.12 ;;
*) LINUX=7.2 ;;
esac

status=0
"$here/tests/fetch" "$LINUX" > /dev/null || status=$?
if [ "$status" -eq 4 ]; then
	echo "1..0 # SKIP no archive has the source of Linux $LINUX"
	exit 4
fi
[ "$status" -eq 0 ] || die "there is no source of Linux $LINUX"

need make s390x-linux-gnu-gcc powerpc64le-linux-gnu-gcc ccache flex bison bc perl
find_tree

# quiet(command...) - its output is only of interest if it fails
quiet() {
	"$@" > "$log" 2>&1 || {
		grep -vE '^(make|  [A-Z])' "$log" | tail -n 30 >&2
		return 1
	}
}

# compile - everything of ours, and what we edit
compile() {
	# shellcheck disable=SC2046 # a list
	quiet kmake W=1 KCFLAGS=-Werror $(objects)
}

# arch_objects - those of the architecture, with their neighbours if there are few
arch_objects() {
	case $karch in
	s390)	echo "$build/arch/s390/pci/built-in.a" ;;
	*)	objects | grep "^arch/" | sed "s|^|$build/|" ;;
	esac
}

# link - it goes together with its neighbours
link() {
	[ "$karch" != s390 ] || quiet kmake arch/s390/pci/ || return
	# shellcheck disable=SC2046 # a list
	quiet kmake drivers/pci/ &&
		quiet "${cross}ld" -r -o "$build/linked.o" --whole-archive \
		$(arch_objects) "$build/drivers/pci/built-in.a"
}

splice() {
	"$here/tools/splice/splice" "$tree"
}

# try_build(name) - the overlay, for that build of the kernel
try_build() {
	set_build "$1"
	build=$cache/build/$id-objects
	[ "$1" = s390x ] || build=$cache/build/$id-$1-objects
	lock "build-$id"
	log=$build.log
	# What was good once need not be tried again.
	key="$(sum_of arch drivers include tools/splice tests) $(
		"${cross}gcc" --version | head -n 1)"
	if [ "$(cat "$build.good" 2> /dev/null)" = "$key" ]; then
		check "$1: unchanged since it linked on Linux $LINUX" true
		return
	fi
	before=$failed
	check "$1: the splice goes onto Linux $LINUX" splice
	configure
	check "$1: it compiles there with W=1 -Werror" compile
	check "$1: it links there" link
	[ "$failed" -gt "$before" ] || echo "$key" > "$build.good"
}

try_build s390x
try_build ppc64le
plan
