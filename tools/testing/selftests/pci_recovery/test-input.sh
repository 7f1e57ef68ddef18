#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Bad input to every file that can be written to is an error and has no effect.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 7

quiet() {
	settled "$1" && live "$1"
}

start "recover takes 1 and nothing else"
for bad in 0 2 11 1x yes "" " 1" -1; do
	[ -n "$bad" ] || bad='
'
	fails "Invalid argument" put "$bad" "$DEVICES/$NET/recover"
done
expect "steps" "" "$(steps "$NET")"
put 1 "$DEVICES/$NET/recover" || fail "1 is not taken"
echo 1 > "$DEVICES/$NET/recover" || fail "1 and a newline is not taken"
finish

start "auto takes booleans"
for bad in 2 x '' -; do
	fails "Invalid argument" put "$bad " "$DEVICES/$NET/recovery/auto"
done
expect "auto" 1 "$(attr "$NET" recovery/auto)"
for good in 0 n off 1; do
	put $good "$DEVICES/$NET/recovery/auto" || fail "$good is not taken"
done
finish

start "max_freezes takes numbers"
for bad in x -1 1x 1.5; do
	fails "Invalid argument" put $bad "$DEVICES/$NET/recovery/max_freezes"
done
fails "Numerical result out of range" \
	put 4294967296 "$DEVICES/$NET/recovery/max_freezes"
expect "max_freezes" 1000 "$(attr "$NET" recovery/max_freezes)"
put 0x10 "$DEVICES/$NET/recovery/max_freezes" || fail "0x10 is not taken"
expect "max_freezes" 16 "$(attr "$NET" recovery/max_freezes)"
finish

start "what cannot be written, and who may write"
for f in state episodes failures last_outcome last_rung last_duration_us \
	 stalled; do
	expect "$f" 444 "$(stat -c %a "$DEVICES/$NET/recovery/$f")"
done
for f in auto max_freezes; do
	expect "$f" 600 "$(stat -c %a "$DEVICES/$NET/recovery/$f")"
done
expect "recover" 200 "$(stat -c %a "$DEVICES/$NET/recover")"
expect "inject" 200 "$(stat -c %a "$DEBUG/inject")"
expect "pes" 400 "$(stat -c %a "$DEBUG/pes")"
finish

start "inject"
for bad in "" nonsense "$NET" "$NET nonsense" "$NET event" "$NET event x" \
	   "$NET event 0x10000" "0001:00:00 dma"; do
	fails "Invalid argument" put "$bad " "$DEBUG/inject"
done
fails "Invalid argument" put "$(printf '%100s' "$NET dma")" "$DEBUG/inject"
fails "No such device" put "00ee:00:00.0 dma" "$DEBUG/inject"
expect "steps" "" "$(steps "$NET")"
finish

start "limits"
for p in callback_ms rescue_ms window_ms max_freezes; do
	old=$(cat $PARAMS/$p)
	fails "Invalid argument" put x $PARAMS/$p
	expect "$p" "$old" "$(cat $PARAMS/$p)"
done
for p in callback_ms rescue_ms window_ms; do
	for bad in 0 600001 -1; do
		fails "Invalid argument" put $bad $PARAMS/$p
	done
	# The shortest must do no harm; a step may be reported as stuck.
	old=$(cat $PARAMS/$p)
	echo 1 > $PARAMS/$p
	put 1 "$DEVICES/$NET/recover" 2> /dev/null
	echo "$old" > $PARAMS/$p
	# The watchdog's thaw makes one more episode necessary.
	wait_for "$LIMIT" quiet "$NET" || fail "busy with $p=1"
	working "$NET"
done
finish

start "the overview"
grep -q "^fid-00000001 platform=zpci state=live" "$DEBUG/pes" ||
	fail "$(head -n 2 "$DEBUG/pes")"
grep -q "	$NET channel=1 stash=1" "$DEBUG/pes" || fail "no function"
finish

ktap_finished
