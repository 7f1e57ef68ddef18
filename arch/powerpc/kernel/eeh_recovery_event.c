// SPDX-License-Identifier: GPL-2.0
/*
 * EEH back end of the PCI error recovery core: the events, and sysfs.
 *
 * Detection runs in any context, even in that of an interrupt handler which has
 * read all-ones, so an event goes to the PE's worker at once, and what is not
 * about a PE yet, but for which powernv's firmware is to be asked, to another.
 */

#include <linux/device.h>
#include <linux/pci.h>
#include <linux/stacktrace.h>
#include <linux/xarray.h>

#include <asm/eeh_event.h>
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

/* Nobody takes up the event.  Another card may come, and be looked at anew. */
static void drop(struct eeh_rpe *rpe, struct eeh_pe *epe)
{
	int flags = READ_ONCE(rpe->pe.running) ? 0 : EEH_PE_RECOVERING;

#ifdef CONFIG_STACKTRACE
	epe->trace_entries = 0;
#endif
	/* What hotplug has not removed yet firmware would name again at once. */
	guard(rcu)();
	if (pci_pe_state(&rpe->pe) == PCI_PE_DEAD && !pci_pe_dev_rcu(&rpe->pe))
		flags |= EEH_PE_ISOLATED;
	eeh_rpe_clear(&rpe->pe, flags);
}

static void handle_special(struct work_struct *work)
{
	eeh_handle_special_event();
}

/* No allocation can fail for it, and one that waits stands for all. */
static DECLARE_WORK(special_work, handle_special);

/**
 * eeh_recovery_send - an error froze a PE
 * @epe: the PE, or NULL if firmware has something to say
 *
 * Context: Any.
 * Return: true if the recovery core looks after it, false if that does not know
 * the PE, or is off.
 */
bool eeh_recovery_send(struct eeh_pe *epe)
{
	struct eeh_rpe *rpe;

	if (!pci_recovery_enabled())
		return false;
	if (!epe) {
		/* Not where a remove() may wait for all that is queued. */
		queue_work(system_long_wq, &special_work);
		return true;
	}
	rpe = eeh_rpe_of(epe);
	if (!rpe)
		return false;
	save_trace(epe);
	eeh_rpe_mark(&rpe->pe, EEH_PE_RECOVERING);
	if (!pci_recovery_report(&rpe->pe, PCI_REPORT_ERROR)) {
		pr_warn_ratelimited("EEH: PHB#%x-PE#%x was given up or is gone, event dropped\n",
				    epe->phb->global_number, epe->addr);
		drop(rpe, epe);
	}
	return true;
}

/**
 * eeh_recovery_thawed - a PE is not marked isolated any more
 * @epe: the PE, and those below
 *
 * Context: Process context.
 */
void eeh_recovery_thawed(struct eeh_pe *epe)
{
	struct eeh_rpe *rpe = eeh_rpe_of(epe);

	if (rpe)
		pci_recovery_thawed(&rpe->pe);
}

/* @phb does not answer any more. */
static void phb_gone(struct eeh_pe *phb_pe)
{
	struct eeh_rpe *rpe = phb_pe ? eeh_rpe_of(phb_pe) : NULL;

	if (!rpe)
		return;
	pci_recovery_gone(&rpe->pe, true);
	/* Upstream does not remove what somebody recovers. */
	eeh_rpe_clear(&rpe->pe, EEH_PE_RECOVERING);
}

/*
 * Firmware names one frozen PE of a PHB, again and again while it is frozen, and
 * none of the others.  Upstream has recovered it before it asks for the next.
 */
static void look_at_others(void)
{
	struct pci_controller *hose;
	struct eeh_pe *epe;

	list_for_each_entry(hose, &hose_list, list_node) {
		eeh_for_each_pe(eeh_phb_pe_get(hose), epe) {
			if (!(epe->type & EEH_PE_PHB) && !eeh_pe_passed(epe) &&
			    !(epe->state & EEH_PE_ISOLATED))
				eeh_rpe_look(epe);
		}
	}
}

/**
 * eeh_recovery_next_error - ask the firmware for the next error
 * @epe: set to the PE it is about
 *
 * Lets episodes under way know at once of functions that are gone; upstream
 * removes them after that.
 *
 * Context: A worker, with the rescan/remove lock held.
 * Return: One of EEH_NEXT_ERR_*, as eeh_ops.next_error().
 */
int eeh_recovery_next_error(struct eeh_pe **epe)
{
	struct pci_controller *hose;
	int ret;

	if (!pci_recovery_enabled())
		return eeh_ops->next_error(epe);
	/* Not that of pseries; who writes to eeh_force_recover may ask it. */
	if (!eeh_ops->next_error)
		return EEH_NEXT_ERR_NONE;
	ret = eeh_ops->next_error(epe);
	if (ret == EEH_NEXT_ERR_DEAD_PHB)
		phb_gone(*epe);
	if (ret == EEH_NEXT_ERR_DEAD_IOC) {
		list_for_each_entry(hose, &hose_list, list_node) {
			/* Upstream uses one, which firmware does not give. */
			*epe = eeh_phb_pe_get(hose);
			phb_gone(*epe);
		}
	}
	if (ret == EEH_NEXT_ERR_NONE)
		look_at_others();
	return ret;
}

/* Not DEVICE_ATTR_WO(): the store is the core's. */
static struct device_attribute dev_attr_recover = {
	.attr = { .name = "recover", .mode = 0200 },
	.store = pci_recovery_store,
};

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

/* By pci_dev: RELEASING, then RELEASED until its last reference goes. */
static DEFINE_XARRAY(removed);

#define RELEASING	xa_mk_value(0)
#define RELEASED	xa_mk_value(1)

/*
 * What firmware and platform have for a function is freed soon after it was
 * removed, a VF's at once, but the core may keep its pci_dev for longer.  So
 * that is told to let go of them now, not with its last reference.
 */
static void release(struct pci_dev *pdev)
{
	unsigned long key = (unsigned long)pdev;

	if (xa_is_err(xa_store(&removed, key, RELEASING, GFP_KERNEL)))
		return;
	pcibios_release_device(pdev);
	pdev->dev.archdata.pci_data = NULL;
	xa_store(&removed, key, RELEASED, GFP_KERNEL);
}

/**
 * eeh_recovery_released - has a function let go of its resources already?
 * @pdev: the function
 *
 * Context: Process context; when the last reference goes, or from release().
 * Return: true if there is nothing left to do.
 */
bool eeh_recovery_released(struct pci_dev *pdev)
{
	unsigned long key = (unsigned long)pdev;

	if (xa_load(&removed, key) != RELEASED)
		return false;
	xa_erase(&removed, key);
	return true;
}

static int removed_notify(struct notifier_block *nb, unsigned long action,
			  void *data)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE && eeh_enabled())
		release(to_pci_dev(data));
	return NOTIFY_OK;
}

/* After that of the IOMMU, which takes the function out of its group first. */
static struct notifier_block removed_nb = {
	.notifier_call = removed_notify,
	.priority = -1,
};

static int __init eeh_recovery_event_init(void)
{
	if (!pci_recovery_enabled())
		return 0;
	return bus_register_notifier(&pci_bus_type, &removed_nb);
}
arch_initcall(eeh_recovery_event_init);
