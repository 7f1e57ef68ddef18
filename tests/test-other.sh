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

need make s390x-linux-gnu-gcc ccache flex bison bc perl
find_tree
build=$cache/build/$id-objects
lock "build-$id"
log=$build.log

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

# link - it goes together with its neighbours
link() {
	quiet kmake arch/s390/pci/ drivers/pci/ &&
		quiet s390x-linux-gnu-ld -r -o "$build/linked.o" --whole-archive \
		"$build/arch/s390/pci/built-in.a" "$build/drivers/pci/built-in.a"
}

splice() {
	"$here/tools/splice/splice" "$tree"
}

# What was good once need not be tried again.
key="$(sum_of arch drivers include tools/splice tests) $(
	s390x-linux-gnu-gcc --version | head -n 1)"
if [ "$(cat "$build.good" 2> /dev/null)" = "$key" ]; then
	check "unchanged since it compiled and linked on Linux $LINUX" true
	plan
	exit 0
fi
check "the splice goes onto Linux $LINUX" splice
configure
check "it compiles there with W=1 -Werror" compile
check "it links there" link
[ "$failed" -gt 0 ] || echo "$key" > "$build.good"
plan
