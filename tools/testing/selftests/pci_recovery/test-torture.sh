#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Threads that do everything at random to PEs of the fake platform, see
# drivers/pci/recovery/tests/torture.c.  For longer, or the same once more:
#
#	TORTURE_SECONDS=3600 TORTURE_ARGS="seed=1234" ./test-torture.sh
#
# builds: x86-debug
# vm: --timeout 400

DIR=$(dirname "$(readlink -f "$0")")
# shellcheck disable=SC1091 # the kernel's own
. "$DIR/../kselftest/ktap_helpers.sh"

MODULE=${MODULE:-pci_recovery_torture}
LENGTH=${TORTURE_SECONDS:-60}
# Until everything has come to rest, and it is known what has not.
SLACK=100

# load(parameter...) - the module, which returns when the torture is over
load() {
	# The guests of tests/vm in the source repository have no modules.dep.
	if [ -e "/lib/modules/$MODULE.ko" ]; then
		insmod "/lib/modules/$MODULE.ko" "$@"
	else
		modprobe "$MODULE" "$@"
	fi
}

# there() - is there such a module?
there() {
	[ -e "/lib/modules/$MODULE.ko" ] || modprobe -q -n "$MODULE"
}

# summary() - what the log says of this run; of busybox' insmod there is a second
#	run if the first one failed, which does not count
summary() {
	dmesg | awk -v module="$MODULE: " '/pci_recovery: test: torture/ {
		found = ""
	}
	found == "" && match($0, module "(PASS|FAIL) ") {
		found = substr($0, RSTART + length(module))
	}
	END { print found }'
}

# running(process) - and not for too long, nor failed already
running() {
	[ "$left" -gt 0 ] && kill -0 "$1" 2> /dev/null && [ -z "$(summary)" ]
}

ktap_print_header
if ! there; then
	ktap_skip_all "there is no module $MODULE, see config"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 1

rmmod "$MODULE" 2> /dev/null
echo "pci_recovery: test: torture" > /dev/kmsg
# In the background, for it cannot be killed if something hangs.
# shellcheck disable=SC2086 # a list
load "seconds=$LENGTH" ${TORTURE_ARGS:-} &
pid=$!
left=$((LENGTH + SLACK))
while running "$pid"; do
	sleep 2
	left=$((left - 2))
done

result=$(summary)
ktap_print_msg "${result:-no summary}"
case $result in
"PASS "*)
	# With 0, and so that it can be unloaded.
	if wait "$pid" && rmmod "$MODULE"; then
		ktap_test_pass "torture for $LENGTH s"
	else
		ktap_test_fail "torture for $LENGTH s: loading or unloading"
	fi
	;;
*)
	dmesg | tail -n 100 | sed 's/^/# /'
	ktap_test_fail "torture for $LENGTH s"
	;;
esac
ktap_finished
