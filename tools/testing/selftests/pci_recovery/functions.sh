# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC2034 # variables for the tests
#
# Helpers for the tests of PCI error recovery.  A test is
#
#	start "name"
#	...				# fail "why" where something is wrong
#	finish
#
# and most compare all that the trace says of a function with a list.

DIR=$(dirname "$(readlink -f "$0")")
# shellcheck disable=SC1091 # the kernel's own
. "$DIR/../kselftest/ktap_helpers.sh"

DEVICES=/sys/bus/pci/devices
DEBUG=/sys/kernel/debug/pci_recovery
TRACE=/sys/kernel/tracing
PARAMS=/sys/module/pci_recovery/parameters
TEST=/sys/module/pci_recovery_test/parameters
DRIVER=/sys/bus/pci/drivers/pci_recovery_test
EEH=/sys/kernel/debug/powerpc
UEVENTS=/tmp/uevents

# Seconds for anything that should happen by itself.
LIMIT=20

why=''

# fail(text) - the test that is running has failed
fail() {
	why="$why$*
"
}

# wait_for(seconds, command...) - until the command succeeds
wait_for() {
	tries=$(($1 * 10))
	shift
	while [ "$tries" -gt 0 ]; do
		"$@" && return
		tries=$((tries - 1))
		sleep 0.1
	done
	return 1
}

# attr(function, name) - one of the function's attributes
attr() {
	cat "$DEVICES/$1/$2" 2> /dev/null
}

# live(function) - is that its state?
live() {
	[ "$(attr "$1" recovery/state)" = live ]
}

# driver(function) - the driver that is bound, if any
driver() {
	link=$(readlink "$DEVICES/$1/driver") && echo "${link##*/}"
}

# bound(function) - is one?
bound() {
	driver "$1" > /dev/null
}

# inject(function, how...) - make it fail, see the platform's inject.c; with
#	"translate" at once, and so that the platform notices
inject() {
	case $PLATFORM-$2 in
	eeh-translate)
		echo "$1 mmio" > "$DEBUG/inject"
		look "$1" ;;
	*)	echo "$*" > "$DEBUG/inject" ;;
	esac
}

# events() - how many the platform has delivered since mark(), of those that it
#	delivers when it likes
events() {
	grep -c zpci_recovery_event "$TRACE/trace"
}

more_events() {
	[ "$(events)" -gt "$1" ]
}

# inject_held(function, how...) - make it fail while a callback is held, so that
#	the report comes before the release
inject_held() {
	before=$(events)
	inject "$@"
	[ $PLATFORM = eeh ] && return
	wait_for "$LIMIT" more_events "$before" || fail "$1: no event"
	# It is traced just before it is reported, which publishes it.
	wait_for "$LIMIT" grep -q "$1 channel=2" "$DEBUG/pes" ||
		fail "$1: no error"
}

# config(function) - the first bytes of its config space
config() {
	hexdump -v -n 4 -e '1/1 "%02x"' "$DEVICES/$1/config"
}

# qemu_name(function) - what it is called in QEMU, in a guest of tests/vm
qemu_name() {
	case $1 in
	"$NET") echo n0 ;; "$NET2") echo n1 ;; "$RNG") echo r0 ;;
	"$RNG2") echo r1 ;; "$BLK") echo b0 ;; "$BLK2") echo b1 ;;
	"$NVME") echo v0 ;; "$E1000E") echo e0 ;; "$MULTI"*) echo m0 ;;
	esac
}

# ask_qemu(command, function, property[, value]) - a command for a property, as
#	JSON in one line
ask_qemu() {
	args="\"path\": \"/machine/peripheral/$(qemu_name "$2")\""
	args="$args, \"property\": \"$3\"${4:+, \"value\": $4}"
	host qmp "{\"execute\": \"$1\", \"arguments\": {$args}}"
}

# set_qemu(function, property, value) - change what QEMU does with it
set_qemu() {
	ask_qemu qom-set "$1" "$2" "$3" > /tmp/answer ||
		fail "QEMU does not set $2: $(cat /tmp/answer)"
}

# get_qemu(function, property)
get_qemu() {
	ask_qemu qom-get "$1" "$2" | sed 's/.*"return": *//; s/}$//'
}

# look(function) - have somebody read from it, without which EEH sees nothing
look() {
	config "$1" > /dev/null
}

# set_test(name=value...) - what the test driver does
set_test() {
	for p; do
		echo "${p#*=}" > "$TEST/${p%%=*}" || fail "cannot set $p"
	done
}

# reset_test() - as after insmod; not managed_dma, which only changes unbound
reset_test() {
	set_test hold=none aware=1 error_detected=need_reset \
		mmio_enabled=recovered slot_reset=recovered resume=recovered \
		fail_probes=0 wrap=
}

is_held() {
	[ "$(cat "$TEST/held")" = "$1" ]
}

# held(callback) - the test driver is in it and will stay there
held() {
	wait_for "$LIMIT" is_held "$1" || fail "nothing is in $1"
}

# release() - let it go on; from now on nothing is held
release() {
	set_test hold=none
}

# rebind(function, driver) - unbind it and bind the driver; "" for none
rebind() {
	[ -z "$(driver "$1")" ] ||
		echo "$1" > "$DEVICES/$1/driver/unbind"
	case $2 in
	pci_recovery_test) echo "$2" > "$DEVICES/$1/driver_override" ;;
	'')	echo none > "$DEVICES/$1/driver_override"
		return ;;
	*)	echo > "$DEVICES/$1/driver_override" ;;
	esac
	echo "$1" > /sys/bus/pci/drivers_probe
	[ "$(driver "$1")" = "$2" ] || fail "$1: cannot bind $2"
}

# identity(function) - the same as long as it is the same pci_dev
identity() {
	stat -c %i "$DEVICES/$1/"
}

# mark() - from here on the trace and the uevents count
mark() {
	# One after the other they are written down, and this one is the last.
	echo change > /sys/class/mem/null/uevent
	wait_for 60 grep -q '/mem/null$' "$UEVENTS" || fail "no uevents"
	echo > "$TRACE/trace"
	: > "$UEVENTS"
}

# start(name)
start() {
	name=$1
	why=''
	echo "pci_recovery: test: $name" > /dev/kmsg
	reset_test
	if [ $PLATFORM = eeh ]; then
		echo 1000 > "$EEH/eeh_max_freezes"
	else
		for f in "$DEVICES"/*; do
			[ ! -e "$f/recovery/max_freezes" ] ||
				echo 1000 > "$f/recovery/max_freezes"
		done
	fi
	mark
}

# finish() - say whether the test passed
finish() {
	if [ -z "$why" ]; then
		ktap_test_pass "$name"
		return
	fi
	echo "$why" | sed '/^$/d; s/^/# /'
	ktap_test_fail "$name"
}

# steps(function) - what the trace says of it, without what differs each time,
#	and without the step of one platform, which cannot be missing unseen: it
#	has a test
steps() {
	sed -n "
		/dev_name=$1 /!d
		s/.*pci_recovery_begin: .*cause=/begin /p
		s/.*pci_recovery_end: .*outcome=\([a-z]*\) rung=\([a-z]*\) .*/end \1 \2/p
		s/.*pci_recovery_vote: .*callback=\([a-z_]*\) vote=\(.*\)/vote \1 \2/p
		/pci_recovery_step:/!d
		/step=diagnose result=0/d
		s/ result=0 us=.*//
		s/ result=-[0-9]* us=.*/ failed/
		s/.*driver=\([^ ]*\) step=\(.*\)/\2 \1/
		s/ -\$//
		s/ failed \(.*\)/ \1 failed/
		p" "$TRACE/trace"
}

# ends(function, number) - has it been through so many episodes?  The end is traced
#	just before the outcome can be read.
ends() {
	[ "$(steps "$1" | grep -c ^end)" -ge "$2" ] && settled "$1"
}

# begun(function) - an episode has, and has claimed its PE with all below that
begun() {
	steps "$1" | grep -q ^begin
}

# expect_steps(function) - the trace says this and nothing else; from stdin
expect_steps() {
	cat > /tmp/expected
	wait_for "$LIMIT" ends "$1" "$(grep -c ^end /tmp/expected)" ||
		fail "$1: the episode does not end"
	steps "$1" > /tmp/actual
	diff -u /tmp/expected /tmp/actual > /tmp/diff ||
		fail "$1: other steps than expected
$(tail -n +3 /tmp/diff)"
}

# settled(function) - its last episode is over
settled() {
	! grep -A1 running=1 "$DEBUG/pes" | grep -q "$1"
}

# expect(what, expected, actual)
expect() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', is '$3'"
}

# logged(text) - the kernel's log has a line with that, since start()
logged() {
	dmesg | awk -v name="$name" -v text="$1" '
		index($0, "pci_recovery: test: " name) { found = 0 }
		index($0, text) { found = 1 }
		END { exit !found }'
}

# expect_logged(text...)
expect_logged() {
	for text; do
		logged "$text" || fail "not in the log: $text"
	done
}

# is_well(function, driver, rung) - it has its driver, works, and says how it got there
is_well() {
	expect "$1: driver" "$2" "$(driver "$1")"
	expect "$1: outcome" recovered "$(attr "$1" recovery/last_outcome)"
	expect "$1: rung" "$3" "$(attr "$1" recovery/last_rung)"
	expect_uevents "$1" BEGIN_RECOVERY SUCCESSFUL_RECOVERY
	working "$1"
}

# rebound(function, driver[, cause]) - expect the steps of rebind, once.  The error
#	handlers of virtio-pci say that there are none, for some devices.
rebound() {
	handlers=''
	[ "$2" != virtio-pci ] || handlers=yes
	expect_steps "$1" <<STEPS
begin ${3:-error}
freeze
${handlers:+error_detected virtio-pci
vote error_detected NO_AER_DRIVER
}${REVIVE:+revive
}unbind $2
reset
restore $2
bind $2
end recovered rebind
STEPS
	is_well "$1" "$2" rebind
}

# reset_once(function, driver[, cause[, rung, steps]]) - expect the steps of a reset that
#	the driver asked for, after an error; and these after it, up to that rung
reset_once() {
	expect_steps "$1" <<STEPS
begin ${3:-error}
freeze
error_detected $2
vote error_detected NEED_RESET
reset
slot_reset $2
${5:+$5
}vote slot_reset RECOVERED
resume $2
end recovered ${4:-reset}
STEPS
}

# healed(function, driver) - the same, and that it works after it
healed() {
	reset_once "$1" "$2"
	is_well "$1" "$2" reset
}

# network(function) - its netdev
network() {
	for n in "$DEVICES/$1"/virtio*/net/* "$DEVICES/$1"/net/*; do
		[ ! -e "$n" ] || basename "$n"
	done
}

# ping_host(function, address, host) - set the netdev up and reach the host
ping_host() {
	dev=$(network "$1")
	ip link set "$dev" up
	ip addr add "$2/24" dev "$dev" 2> /dev/null
	wait_for "$LIMIT" has_carrier "$dev"
	# Thirty times, of two seconds each if nobody answers.
	wait_for 3 ping -c 1 -W 2 "$3" > /dev/null 2>&1
}

has_carrier() {
	[ "$(cat "/sys/class/net/$1/carrier" 2> /dev/null)" = 1 ]
}

# kept(function, identity before) - it is the same pci_dev
kept() {
	expect "$1: identity" "$2" "$(identity "$1")"
	sleep 0.1
	if grep -E "^(add|remove) .*/$1\$" "$UEVENTS"; then
		fail "$1: was removed or added"
	fi
}

# uevents(function) - the recovery events that user space saw
uevents() {
	sed -n "s|^change \(.*_RECOVERY\) .*/$1\$|\1|p" "$UEVENTS" | xargs
}

saw_uevents() {
	[ "$(uevents "$1")" = "$2" ]
}

# expect_uevents(function, event...) - user space sees these and no others
expect_uevents() {
	f=$1
	shift
	wait_for 5 saw_uevents "$f" "$*" ||
		fail "$f: expected uevents '$*', saw '$(uevents "$f")'"
}

# fails(errno text, command...) - the command fails with that error
fails() {
	text=$1
	shift
	if err=$("$@" 2>&1); then
		fail "$*: succeeded, expected: $text"
	else
		case $err in
		*"$text"*) ;;
		*) fail "$*: expected '$text', is '$err'" ;;
		esac
	fi
}

# put(text, file) - so that "fails" can write
put() {
	# shellcheck disable=SC3037 # of busybox; its printf hides errors
	echo -n "$1" > "$2"
}

# inject_starved(function) - an error that is found where there is no memory
inject_starved() {
	fail_attr=/sys/kernel/debug/failslab
	echo "$1 mmio" > "$DEBUG/inject"
	echo 100 > $fail_attr/probability
	echo -1 > $fail_attr/times
	echo Y > $fail_attr/task-filter
	echo Y > $fail_attr/ignore-gfp-wait
	(
		exec 5< "$DEVICES/$1/config"
		echo 1 > /proc/self/make-it-fail
		read -r _ <&5
	) 2> /dev/null
	echo 0 > $fail_attr/probability
}

# recover(function)
recover() {
	put 1 "$DEVICES/$1/recover"
}

# writing(process...) - all of them sleep in the kernel, by what they have written
writing() {
	for p; do
		grep -q vfs_write "/proc/$p/stack" 2> /dev/null &&
			! grep -q "^State:.R" "/proc/$p/status" || return
	done
}

# working(function) - live, with the channel normal and its config readable
working() {
	# An error that came during the episode is withdrawn just after it.
	wait_for "$LIMIT" live "$1" || expect "$1: state" live \
		"$(attr "$1" recovery/state)"
	expect "$1: config space" \
		"$(attr "$1" vendor | sed 's/0x\(..\)\(..\)/\2\1/')" \
		"$(config "$1" | cut -c1-4)"
}

# listens() - is the next one written down?
listens() {
	echo change > /sys/class/mem/zero/uevent
	grep -q '/mem/zero$' "$UEVENTS"
}

cleanup() {
	kill "$uevent_pid" 2> /dev/null
}

# Guests of tests/vm in the source repository have these; others may skip.
INJECT=$DEBUG/inject
# Set by a test that needs no errors of functions.
[ -z "${NO_PLATFORM:-}" ] || INJECT=''
for f in $INJECT "$TEST/aware" "$TRACE/events/pci_recovery"; do
	[ -e "$f" ] || {
		ktap_print_header
		ktap_skip_all "$f is missing, see config"
		exit "$KSFT_SKIP"
	}
done

for f in "$DEVICES"/*/recovery; do
	[ -e "$f" ] || [ -z "$INJECT" ] ||
		grep -q pci_recovery=off /proc/cmdline && break
	ktap_print_header
	ktap_skip_all "the platform recovers no PCI function"
	exit "$KSFT_SKIP"
done

# Devices of tests/vm, by what they are.
if [ -z "${NET:-}" ]; then
	NET=0001:00:00.0 NET2=0002:00:00.0 RNG=0003:00:00.0 RNG2=0004:00:00.0 \
		BLK=0005:00:00.0 BLK2=0006:00:00.0 NVME=0007:00:00.0 \
		E1000E=0008:00:00.0 MULTI=0009:00:01
fi

PLATFORM=zpci REVIVE=revive
if [ -e /proc/powerpc/eeh ]; then
	# The firmware's log is read with MMIO thawed.
	PLATFORM=eeh REVIVE=''
fi

# On a slow machine a remove(), and a callback, may take longer than that.
[ ! -e $PARAMS/rescue_ms ] || echo 10000 > $PARAMS/rescue_ms
[ ! -e $PARAMS/callback_ms ] || echo 60000 > $PARAMS/callback_ms
echo 1 > "$TRACE/events/pci_recovery/enable"
: > "$UEVENTS"
# shellcheck disable=SC2016 # expanded for each event
uevent sh -c 'echo "$ACTION${ERROR_EVENT:+ $ERROR_EVENT} $DEVPATH" >> /tmp/uevents' &
uevent_pid=$!
trap cleanup EXIT
wait_for "$LIMIT" listens
ktap_print_header
