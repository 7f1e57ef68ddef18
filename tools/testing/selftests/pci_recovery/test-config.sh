#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a reset does to config space is undone.  The resets of an emulator leave
# it alone, so it is overwritten by hand while the function is frozen.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

ktap_set_plan 3

# read_config(function, offset, bytes)
read_config() {
	dd if="$DEVICES/$1/config" bs=1 skip="$2" count="$3" 2> /dev/null |
		hexdump -v -e '1/1 "%02x"'
}

# write_config(function, offset, bytes) - bytes as for printf
write_config() {
	# shellcheck disable=SC2059 # escapes
	printf "$3" | dd of="$DEVICES/$1/config" bs=1 seek="$2" conv=notrunc \
		2> /dev/null || fail "cannot write config space at $2"
}

# msix(function) - offset of the MSI-X control word
msix() {
	at=$((0x$(read_config "$1" 52 1)))
	while [ "$at" != 0 ]; do
		[ "$(read_config "$1" "$at" 1)" != 11 ] || {
			echo $((at + 2))
			return
		}
		at=$((0x$(read_config "$1" $((at + 1)) 1)))
	done
}

# scribble(function) - BARs, command, cache line, interrupt line and MSI-X
scribble() {
	intact=$(read_config "$1" 0 64)
	control=$(msix "$1")
	write_config "$1" 16 '\0\0\360\377\0\0\360\377'
	write_config "$1" 32 '\0\0\360\377'
	write_config "$1" 12 '\100'
	write_config "$1" 60 '\125'
	write_config "$1" $((control + 1)) '\300'
	write_config "$1" 4 '\0\0'
	[ "$intact" != "$(read_config "$1" 0 64)" ] || fail "nothing was changed"
}

# unbound_config(function) - as after a scan, before any driver
unbound_config() {
	rebind "$1" ''
	read_config "$1" 0 64
	read_config "$1" "$(msix "$1")" 2
}

start "unaware driver: works, with BARs, command and MSI-X as before"
before=$(read_config "$NET" 0 64)
ctrl=$(read_config "$NET" "$(msix "$NET")" 2)
rebind "$NET" pci_recovery_test
set_test aware=0 hold=remove
mark
inject "$NET" translate
held remove
scribble "$NET"
release
wait_for "$LIMIT" ends "$NET" 1 || fail "no end"
rebind "$NET" virtio-pci
expect "config space" "$before" "$(read_config "$NET" 0 64)"
expect "MSI-X" "$ctrl" "$(read_config "$NET" "$(msix "$NET")" 2)"
ping_host "$NET" 10.0.2.15 10.0.2.2 || fail "no ping"
finish

start "no driver: as after a scan"
before=$(unbound_config "$NET2")
scribble "$NET2"
mark
recover "$NET2" || fail "does not recover"
after=$(read_config "$NET2" 0 64; read_config "$NET2" "$(msix "$NET2")" 2)
# What a driver leaves behind is gone, too: all but the command register.
expect "config space" "$(echo "$before" | sed 's/^\(.\{8\}\)..../\1/')" \
	"$(echo "$after" | sed 's/^\(.\{8\}\)..../\1/')"
rebind "$NET2" virtio-pci
working "$NET2"
finish

start "driver with handlers but no slot_reset: as the driver had it"
rebind "$NET2" pci_recovery_test
before=$(read_config "$NET2" 0 64)
set_test hold=error_detected slot_reset=missing
mark
recover "$NET2" &
writer=$!
held error_detected
scribble "$NET2"
release
wait $writer || fail "does not recover"
expect "config space" "$before" "$(read_config "$NET2" 0 64)"
finish

ktap_finished
