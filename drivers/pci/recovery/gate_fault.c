// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection: gates that are live and let nobody in.
 *
 * For who writes a driver and wants to see what it does then, without an error.
 * That happens without fault injection as well: the gate was frozen when a section
 * was to begin, and is thawed when the driver looks at it.  To be set up in debugfs,
 * see Documentation/fault-injection/fault-injection.rst.
 */

#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/init.h>

#include "gate.h"

static DECLARE_FAULT_ATTR(fault);

/* For tests. */
struct fault_attr *pci_gate_fault(void)
{
	return &fault;
}
EXPORT_SYMBOL_GPL(pci_gate_fault);

/* Is a gate that is live to turn this one away?  Any context but NMI. */
bool __pci_gate_should_fail(struct pci_gate *gate)
{
	return pci_gate_state(gate) == PCI_GATE_LIVE &&
	       should_fail(&fault, 1);
}
EXPORT_SYMBOL_GPL(__pci_gate_should_fail);

static int __init fault_init(void)
{
	fault_create_debugfs_attr("fail_pci_gate", NULL, &fault);
	return 0;
}
late_initcall(fault_init);
