# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the shell scripts of this directory share.  Sourced with $me set to the
# script's name, and elsewhere with $here set to the top of this tree.
# shellcheck disable=SC2034,SC2154 # variables from and for the script

here=${here:-$(cd "$(dirname "$0")/.." && pwd)}
cache=${PCI_RECOVERY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pci-recovery}
LINUX=${LINUX:-6.12}

die() {
	echo "${me:?}: $*" >&2
	exit 1
}

# say(text) - progress, for a person
say() {
	echo "${me:?}: $*" >&2
}

# need(command...) - be sure that the tools are there
need() {
	for tool; do
		command -v "$tool" > /dev/null ||
			die "$tool is missing, run tests/setup"
	done
}

# lock(name) - one at a time, until the script ends
lock() {
	mkdir -p "$cache/lock"
	exec 8> "$cache/lock/$1"
	flock -n 8 || {
		say "waiting for another run that uses $1"
		flock 8
	}
}

# progress(what, command) - until killed, print what the command counts: on a
#	terminal in one line that changes, otherwise a line now and then
progress() {
	start=$(date +%s)
	every=15
	[ ! -t 2 ] || every=1
	while sleep "$every" && kill -0 $$ 2> /dev/null; do
		line="$me: $1: $($2), $(($(date +%s) - start)) s"
		if [ -t 2 ]; then
			printf '\r%s ' "$line" >&2
		else
			echo "$line" >&2
		fi
	done
}

# shown(what, counter, log, command...) - run the command with its output in a
#	file, showing progress meanwhile
shown() {
	log=$3
	: > "$log"
	progress "$1" "$2" 8>&- & # must not keep our lock
	printer=$!
	shift 3
	status=0
	"$@" > "$log" 2>&1 || status=$?
	kill "$printer" 2> /dev/null || :
	wait "$printer" 2> /dev/null || :
	[ ! -t 2 ] || printf '\r\033[K' >&2
	return "$status"
}

# find_tree - set $tree to the source tree that LINUX means, $id to its name
#	and $pristine if nobody but us changes it
find_tree() {
	pristine=''
	case $LINUX in
	*/*)
		[ -d "$LINUX" ] || die "LINUX=$LINUX: no such directory"
		tree=$(cd "$LINUX" && pwd)
		[ ! -e "$tree/.config" ] ||
			die "$tree: was built in, run make mrproper there"
		id=tree-$(echo "$tree" | cksum | cut -d' ' -f1)
		;;
	[0-9]*)
		tree=$("$here/tests/fetch" "$LINUX") || exit
		id=$(basename "$tree")
		pristine=1
		;;
	*)
		die "LINUX=$LINUX: neither a version nor a path"
		;;
	esac
}

# set_build(name) - choose a build of the kernel: set $flavour to its name, $karch
#	and $debian to what make and Debian call its architecture, $cross to the
#	prefix of its compiler, $image to what make gives QEMU to boot, and
#	$configs to its configuration files
set_build() {
	flavour=$1
	case $1 in
	s390x*)
		karch=s390 debian=s390x
		cross=s390x-linux-gnu-
		image=arch/s390/boot/bzImage
		configs="arch/s390/configs/pci_recovery.config
			tools/testing/selftests/pci_recovery/config
			tests/configs/kunit.config"
		;;
	x86-*)
		karch=x86_64 debian=amd64
		cross=x86_64-linux-gnu-
		image=arch/x86/boot/bzImage
		configs="tests/configs/x86.config tests/configs/kunit.config"
		;;
	ppc64le*)
		karch=powerpc debian=ppc64el
		cross=powerpc64le-linux-gnu-
		image=vmlinux
		configs="tests/configs/ppc64le.config tests/configs/kunit.config"
		;;
	esac
	case $1 in
	s390x-plain | x86-plain | ppc64le-plain) ;;
	s390x)
		configs="$configs tests/configs/debug.config" ;;
	ppc64le)
		configs="$configs tests/configs/debug.config
			tests/configs/ppc64le-debug.config" ;;
	x86-debug)
		configs="$configs tests/configs/debug.config
			tests/configs/x86-debug.config" ;;
	x86-kcsan | x86-gcov)
		configs="$configs tests/configs/$1.config" ;;
	*)
		die "no build $1, only $builds" ;;
	esac
}
builds="s390x s390x-plain x86-debug x86-kcsan x86-plain x86-gcov ppc64le
	ppc64le-plain"
set_build s390x

# open_build - be sure that $build can be made in: a make that was killed leaves
#	files half-written that look up to date
open_build() {
	mkdir -p "$build"
	[ ! -e "$build.making" ] || {
		say "removing what an interrupted make left in $build"
		find "$build" -type f -newer "$build.making" -delete
		rm "$build.making"
	}
}

# kmake(arg...) - make in the build directory $build, which is marked meanwhile
kmake() {
	[ -e "$build.making" ] || touch "$build.making"
	made=0
	make -C "$tree" O="$build" ARCH="$karch" CROSS_COMPILE="$cross" \
		CC="ccache ${cross}gcc" HOSTCC="ccache gcc" -j"$(nproc)" "$@" ||
		made=$?
	rm -f "$build.making"
	return "$made"
}

# Equal input gives equal output, and ccache sees it.
export KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=pci \
	KBUILD_BUILD_HOST=recovery KBUILD_BUILD_VERSION=1
export CCACHE_DIR="${CCACHE_DIR:-$cache/ccache}"
# Not CCACHE_DEPEND, which is faster and does not see what .incbin takes in: the
# kernel inside of a bzImage may be that of another build then.
export LC_ALL=C

# fragments - the configuration files of the guest kernel
fragments() {
	for f in $configs; do
		echo "$here/$f"
	done
}

# configure - make $build/.config; what it loses of the fragments is an error
configure() {
	open_build
	fragments | xargs cat > "$build/fragment"
	kmake KCONFIG_ALLCONFIG="$build/fragment" allnoconfig \
		> "$build/config.log" 2>&1 || {
		grep -vE '^(make|  [A-Z])' "$build/config.log" | tail -n 20 >&2
		die "configuring $tree failed"
	}
	lost=$(grep '^CONFIG_.*=' "$build/fragment" |
		grep -vxF -f "$build/.config" | tr '\n' ' ') || :
	[ -z "$lost" ] || die "the configuration lost $lost(see $build/.config)"
}

# sum_of(path...) - a name for the content of these files and directories of ours
sum_of() {
	(cd "$here" && find "$@" -name .git -prune -o -type f ! -name '*.pyc' \
		-exec sha256sum {} + | sort -k 2 | sha256sum | cut -c1-16)
}

# objects - what the overlay compiles for the chosen build, and the upstream files
#	it edits
objects() {
	own_objects
	# Drivers of devices that are nobody's there, and are not configured.
	[ "$karch" != x86_64 ] || return 0
	sed -n 's/.* file in "\(.*\)c"@$/\1o/p' "$here"/tools/splice/hooks/*.cocci |
		sort -u | grep -E "^(arch/$karch|drivers)/" || : # none
}

# own_objects - the former
own_objects() {
	case $karch in
	s390) others='powerpc|x86' ;;
	powerpc) others='s390|x86' ;;
	*) others='powerpc|s390' ;;
	esac
	(cd "$here" && find arch drivers -name '*.c') | sed 's/c$/o/' |
		grep -E "^(arch/$karch|drivers)/" | grep -vE "_($others)\.o$"
}
