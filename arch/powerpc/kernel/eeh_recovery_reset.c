// SPDX-License-Identifier: GPL-2.0
/*
 * EEH back end of the PCI error recovery core: the reset.
 *
 * What eeh_pe_reset_full() does in one, but without a lock while the reset takes
 * its time, one attempt at a time, and with PCI Express in no more time
 * than that needs.
 */

#include <linux/delay.h>
#include <linux/pci.h>

#include <asm/eeh_recovery.h>
#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>

#include "eeh_recovery.h"

/*
 * PCI Express: conventional reset is asserted for that long, and config space is
 * left alone for that long (PCIe r6.0, sec 6.6.1), in ms.
 */
#define EXPRESS_HOLD	100
#define EXPRESS_SETTLE	100

/* The longest that firmware may take to get a PE out of reset, in ms. */
#define MAX_WAIT_FOR_RESET	(300 * 1000)

#define UNFREEZES 3

/* Is @phb's PE at @addr being reset by the core, and only PCI Express? */
static bool is_express(struct pci_controller *phb, int addr)
{
	struct eeh_rpe *rpe = eeh_rpe_at(phb, addr);

	return rpe && READ_ONCE(rpe->express);
}

/**
 * eeh_recovery_hold - wait while the reset of a PE is asserted
 * @phb: its PHB
 * @addr: its PE configuration address
 *
 * Context: Process context; sleeps.
 */
void eeh_recovery_hold(struct pci_controller *phb, int addr)
{
	msleep(is_express(phb, addr) ? EXPRESS_HOLD : EEH_PE_RST_HOLD_TIME);
}

/**
 * eeh_recovery_settle - wait after the reset of a PE
 * @phb: its PHB
 * @addr: its PE configuration address
 *
 * Context: Process context; sleeps.
 */
void eeh_recovery_settle(struct pci_controller *phb, int addr)
{
	msleep(is_express(phb, addr) ? EXPRESS_SETTLE : EEH_PE_RST_SETTLE_TIME);
}

/* What the functions of a PE ask of a reset. */
struct needs {
	bool fundamental;
	bool express;
};

static void look(struct eeh_dev *edev, void *data)
{
	struct pci_dev *pdev = eeh_dev_to_pci_dev(edev);
	struct needs *needs = data;

	if (pdev && pdev->needs_freset)
		needs->fundamental = true;
	if (!pdev || !pci_is_pcie(pdev))
		needs->express = false;
}

/* A function that does not answer yet, or asks for more time (RRS). */
static void check_ready(struct eeh_dev *edev, void *data)
{
	u32 id;

	/* The ids of a VF are those of its PF, config space does not say them. */
	if (!eeh_dev_to_pci_dev(edev) || edev->physfn ||
	    eeh_pe_passed(edev->pe))
		return;
	if (eeh_ops->read_config(edev, PCI_VENDOR_ID, 4, &id) ||
	    PCI_POSSIBLE_ERROR(id) || (id & 0xffff) == 1)
		*(bool *)data = false;
}

/* Until config space answers, but no longer than upstream waits anyhow. */
static void wait_ready(struct eeh_pe *epe)
{
	unsigned int waited = EXPRESS_SETTLE;
	bool ready;

	for (;;) {
		ready = true;
		pci_lock_rescan_remove();
		eeh_pe_dev_traverse(epe, check_ready, &ready);
		pci_unlock_rescan_remove();
		if (ready || waited >= EEH_PE_RST_SETTLE_TIME)
			return;
		msleep(EXPRESS_SETTLE);
		waited += EXPRESS_SETTLE;
	}
}

static void enable_again(struct eeh_dev *edev, void *data)
{
	struct pci_dev *pdev = eeh_dev_to_pci_dev(edev);

	if (pdev && !eeh_pe_passed(edev->pe) && pci_reenable_device(pdev))
		pci_warn(pdev, "EEH: cannot be enabled again\n");
}

/* Bridges and BARs: the device is to answer where it did before. */
static void restore(struct eeh_pe *epe)
{
	eeh_ops->configure_bridge(epe);
	pci_lock_rescan_remove();
	eeh_pe_restore_bars(epe);
	eeh_pe_dev_traverse(epe, enable_again, NULL);
	pci_unlock_rescan_remove();
}

static int unfreeze(struct eeh_pe *epe)
{
	int i;

	for (i = 0; i < UNFREEZES; i++) {
		if (!eeh_unfreeze_pe(epe))
			return 0;
	}
	return -EIO;
}

/* The reset has thawed what was passed to a guest, too. */
static void refreeze_passed(struct eeh_pe *root)
{
	struct eeh_pe *epe;
	int state;

	pci_lock_rescan_remove();
	eeh_for_each_pe(root, epe) {
		if (!eeh_pe_passed(epe))
			continue;
		state = eeh_ops->get_state(epe, NULL);
		if (state > 0 && state & (EEH_STATE_MMIO_ACTIVE |
					  EEH_STATE_MMIO_ENABLED)) {
			pr_info("EEH: Passed-through PE PHB#%x-PE#%x was thawed by reset, re-freezing for safety.\n",
				epe->phb->global_number, epe->addr);
			eeh_pe_set_option(epe, EEH_OPT_FREEZE_PE);
		}
	}
	pci_unlock_rescan_remove();
}

/* Is @epe well after a reset? */
static int check(struct eeh_rpe *rpe, struct eeh_pe *epe)
{
	int state = eeh_wait_state(epe, MAX_WAIT_FOR_RESET);

	if (state < 0) {
		pr_warn("EEH: Unrecoverable slot failure on PHB#%x-PE#%x",
			epe->phb->global_number, epe->addr);
		return -EIO;
	}
	if (!eeh_state_active(state)) {
		pr_warn("EEH: PHB#%x-PE#%x: Slot inactive after reset: 0x%x (attempt %d)\n",
			epe->phb->global_number, epe->addr, state,
			rpe->attempts);
		return -EIO;
	}
	return 0;
}

/* Config space is blocked meanwhile, for all but EEH itself. */
static int assert_reset(struct eeh_rpe *rpe, struct eeh_pe *epe, int option)
{
	int ret;

	eeh_rpe_mark(&rpe->pe, EEH_PE_RESET | EEH_PE_CFG_BLOCKED);
	/* Where that is possible, so that no MMIO hits a device in reset. */
	eeh_ops->set_option(epe, EEH_OPT_FREEZE_PE);
	ret = eeh_ops->reset(epe, option) ?:
	      eeh_ops->reset(epe, EEH_RESET_DEACTIVATE);
	eeh_rpe_clear(&rpe->pe, EEH_PE_CFG_BLOCKED);
	return ret ? -EIO : 0;
}

int eeh_rpe_reset(struct pci_pe *pe, enum pci_pe_reset depth)
{
	struct needs needs = {
		.fundamental = depth == PCI_PE_RESET_FUNDAMENTAL,
		.express = true,
	};
	struct eeh_rpe *rpe = to_eeh_rpe(pe);
	struct eeh_pe *epe = rpe->epe;
	int ret;

	if (!epe)
		return -ENODEV;
	pr_info("EEH: Reset without hotplug activity\n");
	pci_lock_rescan_remove();
	eeh_pe_dev_traverse(epe, look, &needs);
	pci_unlock_rescan_remove();

	rpe->attempts++;
	WRITE_ONCE(rpe->express, needs.express);
	ret = assert_reset(rpe, epe, needs.fundamental ?
				EEH_RESET_FUNDAMENTAL : EEH_RESET_HOT);
	WRITE_ONCE(rpe->express, false);
	if (!ret) {
		if (needs.express)
			wait_ready(epe);
		restore(epe);
		/* While this is set, powernv says that all is well. */
		eeh_rpe_clear(pe, EEH_PE_RESET);
		ret = eeh_rpe_for_each(pe, unfreeze);
	}
	if (ret)
		pr_warn("EEH: Failure %d resetting PHB#%x-PE#%x (attempt %d)\n\n",
			ret, epe->phb->global_number, epe->addr,
			rpe->attempts);
	else
		ret = check(rpe, epe);
	refreeze_passed(epe);
	if (!ret && rpe->attempts > 1)
		pr_warn("EEH: PHB#%x-PE#%x: Successful reset (attempt %d)\n",
			epe->phb->global_number, epe->addr, rpe->attempts);
	eeh_rpe_clear(pe, ret ? EEH_PE_RESET : EEH_PE_RESET | EEH_PE_ISOLATED);
	return ret;
}

static void remove_fn(struct eeh_dev *edev, void *data)
{
	struct pci_dev *pdev = eeh_dev_to_pci_dev(edev);

	/* As upstream: what is behind a bridge is in the list itself. */
	if (pdev && pdev->hdr_type != PCI_HEADER_TYPE_BRIDGE &&
	    !eeh_pe_passed(edev->pe))
		pci_stop_and_remove_bus_device(pdev);
}

/* EEH kept them while their BARs were needed. */
static void detach(struct eeh_dev *edev, void *data)
{
	if (!(edev->mode & EEH_DEV_DISCONNECTED))
		return;
	edev->mode &= ~(EEH_DEV_DISCONNECTED | EEH_DEV_IRQ_DISABLED);
	eeh_pe_tree_remove(edev);
}

static int can_rescan(struct eeh_pe *epe)
{
	int state = eeh_wait_state(epe, MAX_WAIT_FOR_RESET);

	/* Permanently unavailable: what is removed would not come back. */
	if (state < 0 || state == EEH_STATE_NOT_SUPPORT)
		return -EIO;
	/* A VF is its PF's to add. */
	return epe->type & EEH_PE_VF ? -EOPNOTSUPP : 0;
}

/* What recovery without the core does to drivers without handlers. */
int eeh_rpe_rescan(struct pci_pe *pe)
{
	struct eeh_pe *epe = eeh_rpe_get(to_eeh_rpe(pe));
	struct pci_bus *bus;
	int ret;

	if (!epe)
		return -ENODEV;
	ret = can_rescan(epe);
	if (ret) {
		eeh_rpe_put(to_eeh_rpe(pe));
		return ret;
	}
	pci_lock_rescan_remove();
	bus = eeh_pe_bus_get_nolock(epe);
	eeh_rpe_mark(pe, EEH_PE_KEEP);
	eeh_pe_dev_traverse(epe, remove_fn, NULL);
	pci_unlock_rescan_remove();

	ret = eeh_rpe_reset(pe, PCI_PE_RESET_FUNDAMENTAL);

	pci_lock_rescan_remove();
	/* Kept in memory by the functions of the episode, but is it in use? */
	if (bus && !device_is_registered(&bus->dev))
		bus = NULL;
	eeh_pe_dev_traverse(epe, detach, NULL);
	eeh_rpe_clear(pe, EEH_PE_KEEP);
	if (bus)
		pci_hp_add_devices(bus);
	pci_unlock_rescan_remove();
	eeh_rpe_put(to_eeh_rpe(pe));
	return bus ? ret : -ENODEV;
}
