#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds: ppc64le
# vm: --devices e0 --timeout 400
#
# A card is pulled, and another one put in its place: while it recovers, after it
# has failed, and by somebody who does not ask.  It is QEMU's hotplug, in which
# the guest has to let go of the slot's connector.

# The only function here, and e0 in QEMU.
E1000E=0001:00:00.0 NET=none

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

if [ ! -x "$DIR/rtas" ]; then
	ktap_skip_all "$DIR/rtas is missing, see Makefile"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 5

T=pci_recovery_test
PE=PHB#1-PE#1
ISOLATION_STATE=9001 ISOLATE=0 UNISOLATE=1

# rtas(call, argument...) - ask the firmware for that, print the status
rtas() {
	token=$(hexdump -v -n 4 -e '1/1 "%02x"' "/proc/device-tree/rtas/$1")
	shift
	request=$(printf '%s' "$token"; printf '%08x' $# 1 "$@")
	printf '%b' "$(echo "$request" | sed 's/../\\x&/g')" |
		"$DIR/rtas" > /tmp/rtas
	hexdump -v -s $((12 + 4 * $#)) -n 4 -e '1/1 "%02x"' /tmp/rtas
}

# qmp(command, arguments) - as JSON; QEMU does that
qmp() {
	answer=$(host qmp "{\"execute\": \"$1\", \"arguments\": {$2}}")
	case $answer in
	*'"return":'*) ;;
	*)	fail "$1: $answer"
		return 1 ;;
	esac
}

# is_empty() - QEMU has no such card any more
is_empty() {
	qmp qom-list '"path": "/machine/peripheral"' || return 1
	case $answer in
	*'"e0"'*) return 1 ;;
	esac
}

# connector(state) - isolate or unisolate that of the slot
connector() {
	expect "connector to $1" 00000000 \
		"$(rtas set-indicator $ISOLATION_STATE "$drc" "$1")"
}

# pull() - the guest has removed the function, and lets go of the card
pull() {
	echo "dt remove index $drc" > /sys/kernel/dlpar ||
		fail "it stays in the device tree"
	connector $ISOLATE
	wait_for "$LIMIT" is_empty || fail "QEMU does not unplug it"
}

# plug() - another card, which the guest takes
plug() {
	card='"driver": "e1000e", "id": "e0", "netdev": "u2", "romfile": ""'
	qmp device_add "$card, \"bus\": \"phb1.0\", \"addr\": \"0\""
	connector $UNISOLATE
	echo "dt add index $drc" > /sys/kernel/dlpar ||
		fail "it is not in the device tree"
	echo 1 > /sys/bus/pci/rescan
	wait_for "$LIMIT" test -e "$DEVICES/$E1000E/recovery" ||
		fail "not there, or not recovered"
	wait_for "$LIMIT" bound "$E1000E" || fail "no driver"
}

# take_out([release]) - the guest removes the function, and no episode can hold that
#	up; nor does one whose callback is held, and released when it waits for that
take_out() {
	echo 1 > "$DEVICES/$E1000E/remove" &
	remover=$!
	if [ $# -gt 0 ]; then
		wait_for "$LIMIT" writing $remover || fail "remove does not wait"
		"$@"
	fi
	wait_for "$LIMIT" removed || fail "remove does not return"
	[ ! -e "$DEVICES/$E1000E" ] || fail "still there"
}

removed() {
	! [ -d "/proc/$remover" ]
}

# is_state(state) - of the PE, which has no episode, in the core
is_state() {
	grep -q "^$PE .* state=$1 .* running=0 " "$DEBUG/pes"
}

# works() - another card works, and recovers
works() {
	is_state live || fail "$(grep "^$PE " "$DEBUG/pes")"
	[ "$id" != "$(identity "$E1000E")" ] || fail "the same function"
	working "$E1000E"
	# Or all that follows takes its time.
	[ -z "$why" ] || return
	ping_host "$E1000E" 10.0.4.15 10.0.4.2 || fail "no ping"
	rebind "$E1000E" $T
	mark
	inject "$E1000E" translate
	reset_once "$E1000E" $T
	working "$E1000E"
	id=$(identity "$E1000E")
}

drc=0x$(hexdump -v -n 4 -e '1/1 "%02x"' \
	"$DEVICES/$E1000E/of_node/ibm,my-drc-index")
id=$(identity "$E1000E")
rebind "$E1000E" $T

start "unplugged in the middle of an episode: gone"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
qmp device_del '"id": "e0"'
take_out release
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "outcome" "end gone" "$(steps "$E1000E" | tail -n 1 | cut -d ' ' -f 1-2)"
wait_for "$LIMIT" is_state gone || fail "$(grep "^$PE " "$DEBUG/pes")"
pull
is_state gone || fail "$(grep "^$PE " "$DEBUG/pes")"
finish

start "plugged again: another function, which works and recovers"
plug
works
finish

start "failed for good and unplugged: another card has nothing of it"
set_test error_detected=disconnect
mark
inject "$E1000E" translate
wait_for "$LIMIT" ends "$E1000E" 1 || fail "the episode does not end"
expect "state" failed "$(attr "$E1000E" recovery/state)"
qmp device_del '"id": "e0"'
take_out
pull
set_test error_detected=need_reset
plug
works
# One error, which the works() had: the budget is the new card's.
grep -q "^$PE .* freezes=1/" "$DEBUG/pes" || fail "$(grep "^$PE " "$DEBUG/pes")"
finish

start "pulled by surprise in the middle of an episode: failed, and then gone"
set_test hold=error_detected
mark
inject "$E1000E" translate
held error_detected
qmp device_del '"id": "e0"'
connector $ISOLATE
wait_for "$LIMIT" is_empty || fail "QEMU does not unplug it"
release
expect_steps "$E1000E" <<STEPS
begin error
freeze
error_detected $T
vote error_detected NEED_RESET
reset
deep_reset
deep_reset
perm_failure $T
end failed deep
STEPS
is_state failed || fail "$(grep "^$PE " "$DEBUG/pes")"
take_out
wait_for "$LIMIT" is_state gone || fail "$(grep "^$PE " "$DEBUG/pes")"
pull
plug
works
finish

start "pulled while frozen, before anyone looks: an empty slot is not reset"
mark
echo "$E1000E mmio" > "$DEBUG/inject"
qmp device_del '"id": "e0"'
connector $ISOLATE
wait_for "$LIMIT" is_empty || fail "QEMU does not unplug it"
put "$E1000E" "$EEH/eeh_dev_check"
expect_steps "$E1000E" <<STEPS
begin error
freeze failed
perm_failure $T
end failed none
STEPS
expect_logged "EEH: Frozen $PE is empty!"
take_out
pull
plug
works
finish

ktap_finished
