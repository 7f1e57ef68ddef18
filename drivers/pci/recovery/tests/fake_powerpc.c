// SPDX-License-Identifier: GPL-2.0
/*
 * What powerpc wants to know of a host bridge.
 *
 * A struct pci_controller that is in no list of them, without a node in the
 * device tree, which keeps EEH away, and without a DMA window.  Its IOMMU is
 * there, but has no groups: the only IOMMU driver asks each controller for it.
 */

#include <linux/numa.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>

#include "fake.h"

void *fake_arch_sysdata(unsigned int host)
{
	struct pci_controller *hose = kzalloc(sizeof(*hose), GFP_KERNEL);

	if (!hose)
		return NULL;
	hose->global_number = FAKE_DOMAIN + host;
	hose->node = NUMA_NO_NODE;
	ppc_iommu_register_device(hose);
	return hose;
}

int fake_arch_fn(struct pci_bus *bus, struct fake_fn *fn, unsigned int devfn)
{
	return 0;
}
