// SPDX-License-Identifier: GPL-2.0
//
// Edits to zPCI.  Each hook stands at the entry of the platform's
// handler, where no lock is held, so that the core can publish an error before
// anybody waits for a lock.  It gets the upstream function along, which is all
// that is left of it without CONFIG_PCI_RECOVERY or with pci_recovery=off.

// The channel subsystem's machine check thread reports an error.  Below this,
// upstream takes zdev->state_lock.  Held here: nothing of PCI's; the thread
// itself holds crw_handler_mutex, so the hook must not wait for a driver.
@error depends on file in "arch/s390/pci/pci_event.c"@
expression ccdf;
@@
 zpci_event_error(...)
 {
 <+...
-__zpci_event_error(ccdf)
+zpci_recovery_error(ccdf, __zpci_event_error)
 ...+>
 }

// The same thread reports that a function came, went or is about to go.  Below
// this, upstream takes zdev->state_lock.  Held here: as above.
@availability depends on file in "arch/s390/pci/pci_event.c"@
expression ccdf;
@@
 zpci_event_availability(...)
 {
 <+...
-__zpci_event_availability(ccdf)
+zpci_recovery_availability(ccdf, __zpci_event_availability)
 ...+>
 }

// Somebody writes to "recover".  Below this, upstream takes zdev->state_lock,
// removes the attribute and takes the rescan/remove lock.  Held here: only the
// attribute itself, as in any store function.
@recover depends on file in "arch/s390/pci/pci_sysfs.c"@
identifier dev, attr, buf, count;
statement none, first;
@@
 recover_store(struct device *dev, struct device_attribute *attr,
	       const char *buf, size_t count)
 {
 ... when != none
+if (pci_recovery_enabled())
+	return pci_recovery_store(dev, attr, buf, count);
 first
 ... when any
 }

@depends on error || recover@
@@
 #include <linux/pci.h>
+#include <asm/pci_recovery.h>
