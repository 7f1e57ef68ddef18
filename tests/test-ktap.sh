#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What KUnit says becomes flat KTAP, and nothing that is wrong gets lost
set -eu

# shellcheck disable=SC2034 # for lib.sh
me=test-ktap
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# becomes(text) - KUnit's results of a suite "s", on stdin, become TEXT; without
#	what the file always begins with
becomes() {
	{
		printf 'KTAP version 1\n1..1\n    KTAP version 1\n'
		echo '    # Subtest: s'
		cat
	} > "$tmp/results"
	awk -v suite=s -f \
		"$here/tools/testing/selftests/pci_recovery/kunit.awk" \
		"$tmp/results" > "$tmp/flat"
	echo "$1" | diff - "$tmp/flat" >&2
}

check "a case that passes, and what it says is left out" becomes \
"ok s: one" <<RESULTS
    1..1
    # one: hello
    ok 1 one
    # module: m
ok 1 s
RESULTS

check "a case that fails, after what it says" becomes \
"ok s: one
# two: EXPECTATION FAILED at f.c:1
# Expected a == b, but
#     a == 1 (0x1)
not ok s: two" <<RESULTS
    1..2
    # one: hello
    ok 1 one
    # two: EXPECTATION FAILED at f.c:1
    Expected a == b, but

        a == 1 (0x1)
    not ok 2 two
# s: pass:1 fail:1 skip:0 total:2
not ok 1 s
RESULTS

check "a case that is skipped" becomes \
"ok s: one # SKIP there is no b" <<RESULTS
    1..1
    ok 1 one # SKIP there is no b
ok 1 s
RESULTS

check "parameters are counted" becomes \
"ok s: one (2 parameters, 1 skipped)" <<RESULTS
    1..1
        KTAP version 1
        # Subtest: one
        ok 1 ok 1
        ok 2 b # SKIP not now
    # one: pass:1 fail:0 skip:1 total:2
    ok 1 one
ok 1 s
RESULTS

check "parameters that fail are named" becomes \
"# one: EXPECTATION FAILED at f.c:2
# failed: b c
# one: pass:1 fail:1 skip:0 total:2
not ok s: one (2 parameters, 1 failed)
ok s: two (1 parameter)" <<RESULTS
    1..2
        KTAP version 1
        # Subtest: one
    # one: hello
        ok 1 a
    # one: EXPECTATION FAILED at f.c:2
        not ok 2 b c
    # one: pass:1 fail:1 skip:0 total:2
    not ok 1 one
        KTAP version 1
        # Subtest: two
        ok 1 a
    ok 2 two
not ok 1 s
RESULTS

check "a suite that does not start" becomes \
"# # failed to initialize (-12)
not ok s: no results" <<RESULTS
    1..1
    # # failed to initialize (-12)
not ok 1 s
RESULTS

check "a suite with a case missing" becomes \
"ok s: one
not ok s: 1 results instead of 2" <<RESULTS
    1..2
    ok 1 one
ok 1 s
RESULTS

check "a suite that fails though no case did" becomes \
"ok s: one
# why
not ok s: the suite failed" <<RESULTS
    1..1
    ok 1 one
# why
not ok 1 s
RESULTS

check "a suite that does not end" becomes \
"ok s: one
not ok s: it does not end" <<RESULTS
    1..1
    ok 1 one
RESULTS

check "an empty suite" becomes "not ok s: no results" < /dev/null
plan
