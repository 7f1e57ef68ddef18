/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a PCI device alive?  For the read paths of drivers.
 *
 * A load from a device that is isolated, or gone, gives all-ones, and a register
 * may do so by itself.  Here a driver learns which of the two it is, and says that
 * its device is dead when no platform has seen that.  See
 * Documentation/PCI/pci-health.rst.
 */
#ifndef _LINUX_PCI_HEALTH_H
#define _LINUX_PCI_HEALTH_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/pci.h>

struct pci_gate;

#ifdef CONFIG_PCI_RECOVERY
int __pci_recovery_check(struct pci_dev *pdev);
int pci_recovery_request(struct pci_dev *pdev);
int pci_gate_set_health(struct pci_gate *gate, bool (*alive)(void *data),
			void *data);
#else
static inline int __pci_recovery_check(struct pci_dev *pdev)
{
	return 0;
}

static inline int pci_recovery_request(struct pci_dev *pdev)
{
	return -EOPNOTSUPP;
}

static inline int pci_gate_set_health(struct pci_gate *gate,
				      bool (*alive)(void *data), void *data)
{
	return 0;
}
#endif /* CONFIG_PCI_RECOVERY */

/**
 * pci_recovery_check - is a value to be believed that was read from a device?
 * @pdev: the device; looked at only if all bits of @value are set
 * @value: what was read, in the type in which it was read, from memory, I/O or
 *	config space
 *
 * All-ones are not believed while the device is known to be frozen or gone.  If it
 * is not, the driver's health check is asked, see pci_gate_set_health(), and
 * the platform.  If one of them says that the device is dead an error is published
 * and an episode of recovery begins, as if the platform had reported it.  If none
 * does the value is believed.
 *
 * A driver that reads all-ones often from a device that works should have a health
 * check: without one the platform's firmware is asked each time.
 *
 * Context: Any but NMI; with PREEMPT_RT not in a hard interrupt.  Where the device
 * may be used, as in a section of its gate or in an error handler.
 * Return: 0 if @value is to be believed, -EAGAIN if the device is frozen, by now at
 * least, -ENODEV if it is gone, given up, or dead with nobody to recover it.
 */
#define pci_recovery_check(pdev, value) \
	(unlikely(PCI_POSSIBLE_ERROR(value)) ? __pci_recovery_check(pdev) : 0)

#endif /* _LINUX_PCI_HEALTH_H */
