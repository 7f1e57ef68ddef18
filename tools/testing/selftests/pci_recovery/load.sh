# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# I/O on a disk that is checked: several programs verify.c, each in a region of its
# own, write, read back from the disk and compare, all the time.  Or the nvme's disk
# is read.
#
# Sourced after functions.sh.

WRITERS=6
LOAD=/tmp/load

# disk(function) - its block device
disk() {
	for d in "$DEVICES/$1"/virtio*/block/* \
		 "$DEVICES/$1"/virtio*/host*/target*/*/block/*; do
		[ ! -e "$d" ] || basename "$d"
	done
}

passes() {
	wc -l < "$LOAD/passes"
}

more_passes() {
	[ "$(passes)" -ge "$1" ]
}

# go_on(number) - so many more passes are made
go_on() {
	wait_for "$LIMIT" more_passes $(($(passes) + $1)) ||
		fail "I/O has stopped: $(cat "$LOAD/errors")"
}

# write_load(disk) - have the writers begin
write_load() {
	rm -rf $LOAD
	mkdir $LOAD
	: > $LOAD/errors
	: > $LOAD/passes
	writers=''
	for r in $(seq $WRITERS); do
		(cd $LOAD && echo "/dev/$1 $r" |
			exec "$DIR/verify" >> passes 2>> errors) &
		writers="$writers $!"
	done
	go_on $WRITERS
}

# is_over(process) - has it ended?
is_over() {
	[ ! -d "/proc/$1" ]
}

running() {
	for w in $writers; do
		is_over "$w" || return 0
	done
	return 1
}

stopped() {
	! running
}

# no_load(seconds) - they end, in that time
no_load() {
	touch $LOAD/stop
	wait_for "$1" stopped || fail "I/O does not end"
}

# verified() - they end, and saw neither errors nor other data than theirs
verified() {
	go_on $((2 * WRITERS))
	no_load "$LIMIT"
	expect "errors" "" "$(cat $LOAD/errors)"
}

# toggle_cpu() - the second CPU goes and comes, until no_toggle_cpu()
toggle_cpu() {
	online=/sys/devices/system/cpu/cpu1/online
	: > $LOAD/cpus
	: > $LOAD/toggles
	(while [ -e $LOAD/cpus ]; do
		echo 0 > "$online"
		echo 1 > "$online" && echo >> $LOAD/toggles
	done) 2> /dev/null &
	toggler=$!
}

# no_toggle_cpu(number) - it went and came so often, at least
no_toggle_cpu() {
	rm $LOAD/cpus
	wait_for "$LIMIT" is_over "$toggler" || fail "a CPU neither goes nor comes"
	echo 1 2> /dev/null > "$online"
	n=$(wc -l < $LOAD/toggles)
	echo "# a CPU came $n times"
	[ "$n" -ge "$1" ] || fail "a CPU came only $n times"
}

# in_flight(disk) - requests that the device has not done
in_flight() {
	awk -v disk="$1" '$3 == disk { print $12 }' /proc/diskstats
}

has_in_flight() {
	[ "$(in_flight "$1")" -gt 0 ] 2> /dev/null
}

# stuck(disk) - nothing is in flight any more but writes, which throttle() keeps there
stuck() {
	read -r reads writes < "/sys/block/$1/inflight"
	[ "$reads" -eq 0 ] && [ "$writes" -ge 2 ]
}

# throttle(disk of QEMU, bytes[, bytes]) - it takes no more to be written, or read, per
#	second, or what there is if 0; what is in flight stays there.  QEMU has mapped
#	what is read into, and fills it when it resets the disk, whosever it is then.
throttle() {
	args="\"id\": \"/machine/peripheral/$1\", \"bps\": 0, \"bps_wr\": $2"
	args="$args, \"bps_rd\": ${3:-0}, \"iops\": 0, \"iops_rd\": 0, \"iops_wr\": 0"
	host qmp "{\"execute\": \"block_set_io_throttle\", \"arguments\": {$args}}" |
		tee /tmp/answer | grep -q '"return"' ||
		fail "QEMU does not throttle: $(cat /tmp/answer)"
}

# waits_in(function of the kernel, process...) - does one of them, or of all?
waits_in() {
	in=$1
	shift
	[ $# -gt 0 ] || set -- '[0-9]*'
	for p; do
		# shellcheck disable=SC2086 # a pattern
		grep -qs "$in" /proc/$p/stack && return
	done
	return 1
}

# waits_for_ever(function of the kernel, process...) - and is there still, later
waits_for_ever() {
	wait_for "$LIMIT" waits_in "$@" || {
		fail "nothing is in $1"
		return
	}
	sleep 5
	waits_in "$@" || fail "it has returned from $1"
}

# episodes(function) - how many there were, without a process
episodes() {
	read -r episodes < "$DEVICES/$1/recovery/episodes"
}

# strike(function, errors) - so many errors, each after the one before is dealt with
strike() {
	i=0
	while [ $i -lt "$2" ]; do
		episodes "$1"
		before=$episodes
		inject "$1" translate
		tries=$((LIMIT * 50))
		while [ "$episodes" -eq "$before" ] && [ $tries -gt 0 ]; do
			sleep 0.02
			episodes "$1"
			tries=$((tries - 1))
		done
		i=$((i + 1))
		[ $tries -gt 0 ] || {
			fail "$1: no end of error $i"
			return
		}
	done
}

# all_by(function, rung, errors) - so many episodes went so far, and all are well.  A
#	late DMA of QEMU's may be another error in the middle of one: then a deeper
#	reset heals it, but rarely.
all_by() {
	steps "$1" | grep ^end > /tmp/ends
	expect "$1: ends" "$3" "$(wc -l < /tmp/ends)"
	expect "$1: other ends" "" "$(grep -v -e "recovered $2\$" -e "recovered deep" /tmp/ends)"
	deep=$(grep -c "recovered deep" /tmp/ends)
	[ "$deep" -le $(($3 / 10)) ] || fail "$1: $deep deeper resets"
	working "$1"
}

# reset_under_load(function, driver[, cause]) - as reset_once() expects it, or, for the
#	same reason as above, with a deeper reset: zPCI's resets leave devices of
#	QEMU alone.  Which of them it was is in $rung.
# shellcheck disable=SC2034 # for the tests
reset_under_load() {
	rung=reset
	wait_for "$LIMIT" ends "$1" 1
	if [ "$PLATFORM" = eeh ] || ! steps "$1" | grep -q "^end recovered deep"; then
		reset_once "$@"
		return
	fi
	rung=deep
	echo "# by a deeper reset"
	reset_once "$1" "$2" "${3:-error}" deep "vote slot_reset NEED_RESET
error_detected $2
vote error_detected NEED_RESET
deep_reset
slot_reset $2"
}

# quiet(function) - no error is being dealt with, nor will be
quiet() {
	live "$1" && settled "$1" &&
		steps "$1" | awk '
			$1 == "begin" { n++ } $1 == "end" { n-- } END { exit n }'
}

# strike_twice(function, errors) - so many errors, and another one soon after each,
#	sometimes while that is being dealt with: which, is chance
strike_twice() {
	mark
	for i in $(seq "$2"); do
		inject "$1" translate
		[ $((i % 4)) -eq 0 ] || sleep "0.0$((i % 10))"
		inject "$1" translate 2> /dev/null
		# Some platforms report it when they like.
		sleep 0.2
		if ! wait_for "$LIMIT" ends "$1" "$i" ||
		   ! wait_for "$LIMIT" quiet "$1"; then
			fail "$1: no end of error $i"
			return
		fi
	done
	steps "$1" > /tmp/struck
	expect "$1: episodes that do not end well" "" \
		"$(grep ^end /tmp/struck | grep -v -e "recovered reset" -e "recovered deep" \
			-e stale)"
	echo "# $(grep -c ^end /tmp/struck) episodes," \
		"$(grep -c ^error_detected /tmp/struck) errors in them"
	working "$1"
}

# checksum() - of 4 MiB of the nvme's disk, and not of what is cached
checksum() {
	echo 3 > /proc/sys/vm/drop_caches
	dd if="/dev/$(basename "$DEVICES/$NVME"/nvme/nvme*/nvme*n1)" bs=64k count=64 \
		2> /dev/null | md5sum
}

# load() - read that disk all the time
load() {
	rm -f /tmp/stop
	: > /tmp/sums
	while [ ! -e /tmp/stop ]; do
		checksum >> /tmp/sums
	done &
	load=$!
	wait_for "$LIMIT" more_sums 0 || fail "reading has not begun"
}

# more_sums(number) - were more than that read?
more_sums() {
	[ "$(wc -l < /tmp/sums)" -gt "$1" ]
}

stop_load() {
	touch /tmp/stop
	wait "$load"
}

# unload(sum) - stop reading; it goes on, and was the same all the time
unload() {
	# What is read now may have begun before.
	wait_for "$LIMIT" more_sums $(($(wc -l < /tmp/sums) + 1)) ||
		fail "reading has stopped"
	stop_load
	expect "what was read" "$1" "$(sort -u /tmp/sums)"
}
