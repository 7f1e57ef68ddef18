#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The core's KUnit suites, which need no hardware, in flat KTAP.
#
# builds: s390x x86-debug x86-kcsan ppc64le
# vm: --devices none --timeout 600

DIR=$(dirname "$(readlink -f "$0")")
# shellcheck disable=SC1091 # the kernel's own
. "$DIR/../kselftest/ktap_helpers.sh"

KUNIT=/sys/kernel/debug/kunit
MODULE=${MODULE:-pci_recovery_kunit}
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT

# load(option) - the module, which runs its suites; with -n only see if it could
load() {
	# The guests of tests/vm in the source repository have no modules.dep.
	if [ ! -e "/lib/modules/$MODULE.ko" ]; then
		modprobe -q ${1:+"$1"} "$MODULE"
	elif [ -z "${1:-}" ]; then
		insmod "/lib/modules/$MODULE.ko"
	fi
}

# flatten() - what all suites say, as KTAP without numbers
flatten() {
	for results in "$KUNIT"/*/results; do
		[ -e "$results" ] || {
			echo "not ok there are no suites"
			return
		}
		suite=${results%/results}
		awk -v suite="${suite##*/}" -f "$DIR/kunit.awk" "$results"
	done
}

# Allocations that fail on purpose: those that may sleep, too, and no stack each.
FAILSLAB=/sys/kernel/debug/failslab
if [ -d $FAILSLAB ]; then
	echo N > $FAILSLAB/ignore-gfp-wait
	echo 0 > $FAILSLAB/verbose
fi

ktap_print_header
if ! load -n 2> /dev/null; then
	ktap_skip_all "there is no module $MODULE, see config"
	exit "$KSFT_SKIP"
fi
if ! load; then
	echo "not ok $MODULE cannot be loaded" > "$OUT"
fi
flatten >> "$OUT"
KTAP_CNT_FAIL=$(grep -c '^not ok ' "$OUT")
KTAP_CNT_SKIP=$(grep -c '^ok .* # SKIP' "$OUT")
KTAP_CNT_PASS=$(($(grep -c '^ok ' "$OUT") - KTAP_CNT_SKIP))
ktap_set_plan $((KTAP_CNT_PASS + KTAP_CNT_SKIP + KTAP_CNT_FAIL))
awk '/^ok / { sub(/ok/, "ok " ++n) }
	/^not ok / { sub(/not ok/, "not ok " ++n) }
	{ print }' "$OUT"
ktap_finished
