# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A virtio device that needs a reset (DEVICE_NEEDS_RESET, Virtio 1.2, 2.1).  QEMU's do
# after a value that no driver writes; it is written by the window that config space
# has for that.
#
# Sourced after functions.sh.

# Virtio 1.2, 4.1.4: a type of capability, and where fields of 16 bits are in the
# common configuration.
PCI_CFG=5
CONFIG_MSIX_VECTOR=16 QUEUE_ENABLE=28

# capability(function, type) - where that of virtio is in config space
capability() {
	hexdump -v -e '1/1 "%u "' "$DEVICES/$1/config" | awk -v type="$2" '{
		for (at = $(52 + 1); at; at = $(at + 2))
			if ($(at + 1) == 9 && $(at + 4) == type) {
				print at
				exit
			}
	}'
}

# poke(function, where, size, bytes) - write to its config space, at once
poke() {
	# shellcheck disable=SC2059 # escapes
	printf "$4" | dd of="$DEVICES/$1/config" bs="$3" seek=$(($2 / $3)) \
		count=1 conv=notrunc 2> /dev/null || fail "$1: cannot be written"
}

# find_window(function) - while it can be read
find_window() {
	capability "$1" $PCI_CFG > "/tmp/window.$1"
	[ -s "/tmp/window.$1" ] || fail "$1: no capability"
}

# aim(function, field) - that is what shoot() writes; QEMU's common configuration is
#	where the BAR begins
aim() {
	read -r at < "/tmp/window.$1"
	poke "$1" $((at + 8)) 4 "\\$(printf %o "$2")\\0\\0\\0"
	poke "$1" $((at + 12)) 4 '\2\0\0\0'
}

# shoot(function, bytes)
shoot() {
	read -r at < "/tmp/window.$1"
	poke "$1" $((at + 16)) 2 "$2"
}

# break_device(function) - it needs a reset, and says so
break_device() {
	aim "$1" $QUEUE_ENABLE
	shoot "$1" '\2\0'
}

# break_silently(function) - nobody hears what it says
break_silently() {
	aim "$1" $CONFIG_MSIX_VECTOR
	shoot "$1" '\377\377'
	break_device "$1"
}
