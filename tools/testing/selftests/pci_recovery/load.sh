# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# I/O on a disk that is checked: several programs verify.c, each in a region of its
# own, write, read back from the disk and compare, all the time.
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

# now() - in ms
now() {
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}

# in_flight(disk) - requests that the device has not done
in_flight() {
	awk -v disk="$1" '$3 == disk { print $12 }' /proc/diskstats
}

has_in_flight() {
	[ "$(in_flight "$1")" -gt 0 ] 2> /dev/null
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

# all_by(function, rung, errors) - so many episodes went so far, and all are well
all_by() {
	expect "$1: ends" "$3 end recovered $2" \
		"$(steps "$1" | grep ^end | sort | uniq -c | sed 's/^ *//')"
	working "$1"
}

# quiet(function) - no error is being dealt with, nor will be
quiet() {
	[ "$(attr "$1" recovery/state)" = live ] && settled "$1" &&
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
		wait_for "$LIMIT" quiet "$1" || {
			fail "$1: no end of error $i"
			return
		}
	done
	steps "$1" > /tmp/struck
	expect "$1: episodes that do not end well" "" \
		"$(grep ^end /tmp/struck | grep -v -e "recovered reset" -e "recovered deep" \
			-e stale)"
	echo "# $(grep -c ^end /tmp/struck) episodes," \
		"$(grep -c ^error_detected /tmp/struck) errors in them"
	working "$1"
}
