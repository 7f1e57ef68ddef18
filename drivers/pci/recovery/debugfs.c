// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/pci_recovery/pes: every PE with its functions.
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "recovery.h"

static int show_pe(struct pci_pe *pe, void *data)
{
	struct seq_file *m = data;
	struct pci_dev *pdev = pci_pe_get_dev(pe);
	struct pci_pe_fn *fn;
	char stalled[64];

	seq_printf(m, "%s platform=%s state=%s hw=%d running=%d episodes=%u failures=%u last=%s/%s freezes=%u/%u auto=%d\n",
		   pe->name, pe->ops->name, pci_pe_states[pci_pe_state(pe)],
		   pdev ? pe->ops->state(pe) : PCI_PE_HW_GONE, READ_ONCE(pe->running), pe->episodes,
		   pe->failures, pci_recovery_outcomes[READ_ONCE(pe->outcome)],
		   pci_recovery_rungs[READ_ONCE(pe->rung)], pe->freezes,
		   pci_pe_max_freezes(pe), pe->auto_recover);
	if (pci_watch_stalled(pe, stalled, sizeof(stalled)))
		seq_printf(m, "\tstalled: %s\n", stalled);
	pci_dev_put(pdev);
	guard(rcu)();
	list_for_each_entry_rcu(fn, &pe->fns, node)
		seq_printf(m, "\t%s channel=%u stash=%d\n", pci_name(fn->pdev),
			   READ_ONCE(fn->pdev->error_state), !!fn->stash);
	return 0;
}

static int pes_show(struct seq_file *m, void *unused)
{
	return pci_pe_for_each(show_pe, m);
}
DEFINE_SHOW_ATTRIBUTE(pes);

static int __init recovery_debugfs_init(void)
{
	if (pci_recovery_enabled())
		debugfs_create_file("pes", 0400,
				    debugfs_create_dir("pci_recovery", NULL),
				    NULL, &pes_fops);
	return 0;
}
late_initcall(recovery_debugfs_init);
