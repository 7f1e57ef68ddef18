// SPDX-License-Identifier: GPL-2.0
//
// Edits to EEH.  Each hook stands at the entry of the platform's
// handler, where no lock is held, so that the core can publish an error before
// anybody waits for a lock.  It gets the upstream function along, which is all
// that is left of it without CONFIG_PCI_RECOVERY or with pci_recovery=off.

// EEH found a frozen PE, in any context, maybe that of an interrupt handler.
// Below this, upstream allocates an event, and loses it when memory is short.
// Held here: nothing, or pci_lock with interrupts off below a config access.
@send depends on file in "arch/powerpc/kernel/eeh_event.c"@
identifier pe, event;
expression memory;
@@
 __eeh_send_failure_event(struct eeh_pe *pe)
 {
 ...
+if (eeh_recovery_send(pe))
+	return 0;
 event = memory;
 ...
 }

// Somebody asks powernv's firmware what failed.  Held here: the rescan/remove lock
// while it asks, nothing when it hands over a PE.
@next depends on file in "arch/powerpc/kernel/eeh_driver.c"@
expression pe;
@@
 eeh_handle_special_event(...)
 {
 <+...
(
-eeh_ops->next_error(pe)
+eeh_recovery_next_error(pe)
|
-eeh_handle_normal_event(pe)
+eeh_recovery_handle(pe, eeh_handle_normal_event)
)
 ...+>
 }

// EEH does not need a PE any more that its recovery kept.  Held here: the
// rescan/remove lock.
@cleanup depends on file in "arch/powerpc/kernel/eeh_driver.c"@
expression pe;
@@
 eeh_pe_cleanup(...)
 {
 <+...
-kfree(pe)
+eeh_recovery_free(pe)
 ...+>
 }

// EEH does not need a PE any more, whose last function left.  Held here: as
// above.
@remove depends on file in "arch/powerpc/kernel/eeh_pe.c"@
expression pe;
@@
 eeh_pe_tree_remove(...)
 {
 <+...
-kfree(pe)
+eeh_recovery_free(pe)
 ...+>
 }

// A PE is not isolated any more: somebody wrote to "eeh_pe_state", or passes it to
// a guest.  Held here: eeh_dev_mutex, or nothing.
@thawed depends on file in "arch/powerpc/kernel/eeh_pe.c"@
identifier root, state, passed;
@@
 void eeh_pe_state_clear(struct eeh_pe *root, int state, bool passed)
 {
 ... when any
+if (state & EEH_PE_ISOLATED)
+	eeh_recovery_thawed(root);
 }

// A function got its PE.  Held here: the rescan/remove lock, unless at boot.
@probe depends on file in "arch/powerpc/kernel/eeh.c"@
expression dev;
@@
 eeh_probe_device(...)
 {
 ...
 eeh_sysfs_add_device(dev);
+eeh_recovery_add(dev);
 }

// The last reference to a function goes, or the back end has it let go of its
// resources earlier.  Held here: anything.
@release depends on file in "arch/powerpc/kernel/pci-hotplug.c"@
identifier dev;
expression phb;
statement S;
@@
 pcibios_release_device(struct pci_dev *dev)
 {
 ...
+if (eeh_recovery_released(dev))
+	return;
 if (phb->controller_ops.release_device) S
 ...
 }

// The waits around a reset.  Held here: nothing.
@wait depends on file in "arch/powerpc/platforms/pseries/eeh_pseries.c"@
identifier phb, addr, option;
@@
 pseries_eeh_phb_reset(struct pci_controller *phb, int addr, int option)
 {
 <+...
(
-msleep(EEH_PE_RST_HOLD_TIME)
+eeh_recovery_hold(phb, addr)
|
-msleep(EEH_PE_RST_SETTLE_TIME)
+eeh_recovery_settle(phb, addr)
)
 ...+>
 }

@depends on send || next || cleanup || remove || thawed || probe || release || wait@
@@
 #include <linux/pci.h>
+#include <asm/eeh_recovery.h>
