# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# TAP for the tests of this directory that run on the host.

# shellcheck disable=SC2034 # failed is for the script
count=0 failed=0

# check(name, command...) - a test point: does the command succeed?
check() {
	count=$((count + 1))
	point=$1
	shift
	if "$@"; then
		echo "ok $count $point"
	else
		echo "not ok $count $point"
		failed=$((failed + 1))
	fi
}

# plan - all points were there
plan() {
	echo "1..$count"
}
