// SPDX-License-Identifier: GPL-2.0
/*
 * What s390 wants to know of a host bridge, and of each function on it.
 *
 * A struct zpci_dev that no firmware knows: without BARs, measurements and a DMA
 * range, which keeps the IOMMU driver away, and never released.
 */

#include <linux/pci.h>
#include <linux/slab.h>

#include <asm/pci.h>

#include "fake.h"

void *fake_arch_sysdata(unsigned int host)
{
	struct zpci_bus *zbus = kzalloc(sizeof(*zbus), GFP_KERNEL);

	if (!zbus)
		return NULL;
	zbus->domain_nr = FAKE_DOMAIN + host;
	zbus->multifunction = 1;
	return zbus;
}

int fake_arch_fn(struct pci_bus *bus, struct fake_fn *fn, unsigned int devfn)
{
	struct zpci_bus *zbus = bus->sysdata;
	struct zpci_dev *zdev;

	if (zbus->function[devfn])
		return 0;
	zdev = kzalloc(sizeof(*zdev), GFP_KERNEL);
	if (!zdev)
		return -ENOMEM;
	kref_init(&zdev->kref);
	mutex_init(&zdev->state_lock);
	mutex_init(&zdev->fmb_lock);
	mutex_init(&zdev->kzdev_lock);
	zdev->state = ZPCI_FN_STATE_CONFIGURED;
	zdev->zbus = zbus;
	zdev->fid = 0xfa000000 | fn->fpe->index << 3 | PCI_FUNC(devfn);
	zdev->devfn = devfn;
	zdev->start_dma = 1;
	zdev->fmb_length = U16_MAX;
	zbus->function[devfn] = zdev;
	return 0;
}
