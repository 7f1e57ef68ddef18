#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Booted with pci_recovery=off the same kernel does what it does without the
# recovery core.
#
# vm: --append pci_recovery=off --allow-hung

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

if ! grep -q pci_recovery=off /proc/cmdline; then
	ktap_skip_all "needs a boot with pci_recovery=off"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 4

T=pci_recovery_test

in_log() {
	dmesg | grep -q "$*"
}

start "there are no files of ours"
for f in "$DEVICES/$NET/recovery" "$DEBUG/pes"; do
	[ ! -e "$f" ] || fail "$f is there"
done
[ -e "$DEVICES/$NET/recover" ] || fail "recover is not there"
finish

start "a driver with all handlers is recovered by upstream's code"
rebind "$NET2" $T
dmesg -c > /dev/null
inject "$NET2" translate
wait_for "$LIMIT" in_log "zpci: $NET2: The device is ready to resume operations" ||
	fail "not recovered: $(dmesg)"
expect "steps" "" "$(steps "$NET2")"
finish

start "virtio-net that errs is dead"
dmesg -c > /dev/null
inject "$NET" translate
no_handlers="driver bound to the device does not support error recovery"
wait_for "$LIMIT" in_log "zpci: $NET: The virtio-pci $no_handlers" ||
	fail "no such line: $(dmesg)"
sleep 1
expect "config space" ffff \
	"$(hexdump -v -n 2 -e '1/1 "%02x"' "$DEVICES/$NET/config")"
finish

start "recover hangs in the driver's remove()"
sh -c "echo 1 > $DEVICES/$NET/recover" &
writer=$!
wait_for "$LIMIT" grep -q vp_reset /proc/$writer/stack ||
	fail "it is not in vp_reset: $(cat /proc/$writer/stack)"
sleep 3
grep -q vp_reset /proc/$writer/stack || fail "it returned"
finish

ktap_finished
