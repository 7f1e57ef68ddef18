// SPDX-License-Identifier: GPL-2.0
/*
 * Make zPCI functions fail, to test recovery.
 *
 * What /sys/kernel/debug/pci_recovery/inject understands here:
 *
 *	0001:00:00.0 dma		its next DMA faults
 *	0001:00:00.0 translate		it goes into the error state at once
 *	0001:00:00.0 event 0x3a		an event with that PEC is delivered
 *	0001:00:00.0 event 0x3a 0x80	... with that function handle
 *
 * The first two are genuine: the firmware stops the function and sends the
 * event.  They have the function's DMA translated by a table that maps nothing,
 * and refresh a translation outside of its window.
 */

#include <linux/module.h>
#include <linux/pci.h>

#include <asm/pci.h>
#include <asm/pci_recovery.h>

static int inject(struct pci_dev *pdev, const char *how)
{
	struct zpci_dev *zdev = to_zpci(pdev);
	unsigned int pec, fh = zdev->fh;

	if (!strcmp(how, "dma"))
		return zpci_recovery_unmap(zdev);
	if (!strcmp(how, "translate"))
		/* It fails, that is the point. */
		return zpci_recovery_mistranslate(zdev) ? 0 : -EIO;
	if (sscanf(how, "event %i %i", &pec, &fh) < 1 || pec > 0xffff)
		return -EINVAL;
	zpci_recovery_deliver(zdev->fid, fh, pec);
	return 0;
}

static struct pci_inject zpci_inject = { .inject = inject };

static int __init inject_init(void)
{
	return pci_inject_register(&zpci_inject);
}
module_init(inject_init);

static void __exit inject_exit(void)
{
	pci_inject_unregister(&zpci_inject);
}
module_exit(inject_exit);

MODULE_DESCRIPTION("Injection of zPCI errors");
MODULE_LICENSE("GPL");
