// SPDX-License-Identifier: GPL-2.0
/*
 * What x86 wants to know of a host bridge.
 */

#include <linux/numa.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <asm/pci.h>

#include "fake.h"

void *fake_arch_sysdata(unsigned int host)
{
	struct pci_sysdata *sysdata = kzalloc(sizeof(*sysdata), GFP_KERNEL);

	if (!sysdata)
		return NULL;
	sysdata->domain = FAKE_DOMAIN + host;
	sysdata->node = NUMA_NO_NODE;
	return sysdata;
}

int fake_arch_fn(struct pci_bus *bus, struct fake_fn *fn, unsigned int devfn)
{
	return 0;
}
