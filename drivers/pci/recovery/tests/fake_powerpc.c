// SPDX-License-Identifier: GPL-2.0
/*
 * What powerpc wants to know of a host bridge, and of each function on it.
 *
 * A struct pci_controller that is in no list of them, without a node in the
 * device tree and without a DMA window.  Its IOMMU is there, but has no groups:
 * the only IOMMU driver asks each controller for it.  All functions have the
 * same struct pci_dn, without anything of EEH, which keeps it away.
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
	struct pci_dn *pdn = kzalloc(sizeof(*pdn), GFP_KERNEL);
	void *platform = kzalloc(SZ_4K, GFP_KERNEL);

	if (!hose || !pdn || !platform)
		return NULL;
	hose->global_number = FAKE_DOMAIN + host;
	hose->node = NUMA_NO_NODE;
	hose->pci_data = pdn;
	/* For the fixups of powernv: of no kind that they are about. */
	hose->private_data = platform;
	pdn->phb = hose;
	ppc_iommu_register_device(hose);
	return hose;
}

/* On powernv EEH looks at it before anybody else does. */
static void set_pdn(struct pci_dev *pdev)
{
	pdev->dev.archdata.pci_data = pci_bus_to_host(pdev->bus)->pci_data;
}
DECLARE_PCI_FIXUP_EARLY(FAKE_VENDOR, PCI_ANY_ID, set_pdn);

int fake_arch_fn(struct pci_bus *bus, struct fake_fn *fn, unsigned int devfn)
{
	return 0;
}
