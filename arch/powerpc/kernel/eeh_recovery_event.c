// SPDX-License-Identifier: GPL-2.0
/*
 * EEH back end of the PCI error recovery core: the events, and sysfs.
 *
 * Detection runs in any context, even in that of an interrupt handler which has
 * read all-ones, so an event goes to the PE's worker at once.  eehd is left with
 * what is not about a PE yet: the events for which powernv's firmware is asked.
 */

#include <linux/device.h>
#include <linux/pci.h>
#include <linux/stacktrace.h>

#include <asm/eeh_recovery.h>
#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>

#include "eeh_recovery.h"

/* Who found it; for the log, when there turns out to be something to recover. */
static void save_trace(struct eeh_pe *epe)
{
#ifdef CONFIG_STACKTRACE
	epe->trace_entries = stack_trace_save(epe->stack_trace,
					      ARRAY_SIZE(epe->stack_trace), 1);
#endif
}

/**
 * eeh_recovery_send - an error froze a PE
 * @epe: the PE, or NULL
 *
 * Context: Any.
 * Return: true if the recovery core looks after it, false if that does not know
 * the PE, or is off.
 */
bool eeh_recovery_send(struct eeh_pe *epe)
{
	struct eeh_rpe *rpe;

	if (!pci_recovery_enabled() || !epe)
		return false;
	rpe = eeh_rpe_of(epe);
	if (!rpe)
		return false;
	save_trace(epe);
	eeh_rpe_mark(&rpe->pe, EEH_PE_RECOVERING);
	if (!pci_recovery_report(&rpe->pe, PCI_REPORT_ERROR))
		eeh_rpe_clear(&rpe->pe, EEH_PE_RECOVERING);
	return true;
}

/* @phb does not answer any more. */
static void phb_gone(struct eeh_pe *phb_pe)
{
	struct eeh_rpe *rpe = phb_pe ? eeh_rpe_of(phb_pe) : NULL;

	if (rpe)
		pci_recovery_gone(&rpe->pe, true);
}

/**
 * eeh_recovery_next_error - ask the firmware for the next error
 * @epe: set to the PE it is about
 *
 * Lets episodes under way know at once of functions that are gone; upstream
 * removes them after that.
 *
 * Context: eehd, with the rescan/remove lock held.
 * Return: One of EEH_NEXT_ERR_*, as eeh_ops.next_error().
 */
int eeh_recovery_next_error(struct eeh_pe **epe)
{
	struct pci_controller *hose;
	int ret = eeh_ops->next_error(epe);

	if (!pci_recovery_enabled())
		return ret;
	if (ret == EEH_NEXT_ERR_DEAD_PHB)
		phb_gone(*epe);
	if (ret == EEH_NEXT_ERR_DEAD_IOC) {
		list_for_each_entry(hose, &hose_list, list_node) {
			/* Upstream uses one, which firmware does not give. */
			*epe = eeh_phb_pe_get(hose);
			phb_gone(*epe);
		}
	}
	return ret;
}

/* Not DEVICE_ATTR_WO(): the store is the core's. */
static DEVICE_ATTR(recover, 0200, NULL, pci_recovery_store);

/**
 * eeh_recovery_add - a function is part of a PE now
 * @pdev: the function
 *
 * Context: Process context, before a driver binds to @pdev.
 */
void eeh_recovery_add(struct pci_dev *pdev)
{
	if (!pci_recovery_enabled())
		return;
	pci_recovery_add(pdev);
	if (device_create_file(&pdev->dev, &dev_attr_recover))
		pci_warn(pdev, "no recover in sysfs\n");
}
