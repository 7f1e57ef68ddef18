// SPDX-License-Identifier: GPL-2.0
/*
 * EEH back end of the PCI error recovery core: the operations.
 *
 * See the PAPR (LoPAR), chapter "Enhanced I/O Error Handling", for the states
 * of a PE, and Documentation/arch/powerpc/eeh-recovery.rst.
 *
 * EEH has no lock of its own over a PE.  Its lists of functions change under the
 * rescan/remove lock, so that is taken to go through them, for a moment unless
 * there are links behind bridges to wait for, by operations that the watchdog does
 * not call: the window may hold it then.
 */

#include <linux/pci.h>
#include <linux/pci_hotplug.h>

#include <asm/eeh_event.h>
#include <asm/eeh_recovery.h>
#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>

#define CREATE_TRACE_POINTS
#include <asm/trace/eeh_recovery.h>

#include "eeh_recovery.h"

/* The longest that firmware may take to say what the state of a PE is, in ms. */
#define MAX_WAIT_FOR_STATE	(300 * 1000)

static const struct pci_pe_ops eeh_rpe_ops;

static struct pci_pe *op_find(struct pci_dev *pdev)
{
	struct eeh_dev *edev = pci_dev_to_eeh_dev(pdev);
	struct eeh_rpe *rpe;

	if (!edev || !edev->pe)
		return NULL;
	rpe = eeh_rpe_attach(edev->pe, &eeh_rpe_ops);
	return rpe ? &rpe->pe : NULL;
}

/* So that the other operations can rely on it. */
static int op_lock(struct pci_pe *pe)
{
	return eeh_rpe_get(to_eeh_rpe(pe)) ? 0 : -ENODEV;
}

static void op_unlock(struct pci_pe *pe)
{
	eeh_rpe_put(to_eeh_rpe(pe));
}

/* Is there a card in the slot of @edev?  Its attention indicator goes on. */
static void check_presence(struct eeh_dev *edev, void *present)
{
	struct pci_dev *pdev = eeh_dev_to_pci_dev(edev);
	const struct hotplug_slot_ops *ops = NULL;
	struct pci_slot *slot;
	u8 status = 1;

	if (!pdev)
		return;
	slot = pdev->slot;
	if (slot && slot->hotplug)
		ops = slot->hotplug->ops;
	if (ops && ops->get_adapter_status) {
		if (ops->set_attention_status)
			ops->set_attention_status(slot->hotplug, 1);
		if (ops->get_adapter_status(slot->hotplug, &status))
			status = 1;
	}
	if (status)
		*(bool *)present = true;
}

/*
 * Firmware isolated the PE, and detection has marked it so, unless somebody
 * asked for a recovery without an error.
 */
static int op_freeze(struct pci_pe *pe)
{
	struct eeh_rpe *rpe = to_eeh_rpe(pe);
	struct eeh_pe *epe = rpe->epe;
	bool present = false;
	unsigned long flags;

	if (!epe)
		return -ENODEV;
	rpe->attempts = 0;
	trace_eeh_recovery_event(epe->phb->global_number, epe->addr,
				 eeh_ops->get_state(epe, NULL));
	if (eeh_pe_passed(epe))
		return 0;
	/* The slot is asked with more patience then. */
	eeh_rpe_mark(pe, EEH_PE_RECOVERING);

	pci_lock_rescan_remove();
	eeh_pe_dev_traverse(epe, check_presence, &present);
	if (present)
		eeh_log_freeze(epe);
	eeh_serialize_lock(&flags);
	eeh_pe_mark_isolated(epe);
	eeh_serialize_unlock(flags);
	pci_unlock_rescan_remove();

	if (present)
		return 0;
	pr_warn("EEH: Frozen PHB#%x-PE#%x is empty!\n",
		epe->phb->global_number, epe->addr);
	return -EIO;
}

/* Firmware takes its time after an error, and its log is read before a reset. */
static int op_diagnose(struct pci_pe *pe)
{
	struct eeh_pe *epe = to_eeh_rpe(pe)->epe;
	int state;

	if (!epe)
		return -ENODEV;
	state = eeh_wait_state(epe, MAX_WAIT_FOR_STATE);
	if (state < 0 || state == EEH_STATE_NOT_SUPPORT) {
		pr_warn("EEH: Permanent failure\n");
		return -EIO;
	}
	pr_info("EEH: Collect temporary log\n");
	eeh_log_thaw(epe);
	pci_lock_rescan_remove();
	eeh_slot_error_detail(epe, EEH_LOG_TEMP);
	pci_unlock_rescan_remove();
	return 0;
}

static int thaw_mmio(struct eeh_pe *epe)
{
	return eeh_pci_enable(epe, EEH_OPT_THAW_MMIO) ? -EIO : 0;
}

static int op_thaw_mmio(struct pci_pe *pe)
{
	struct eeh_pe *epe = eeh_rpe_get(to_eeh_rpe(pe));
	int ret = -EIO;

	if (!epe)
		return -ENODEV;
	/* What is logged on a PHB is a fence, which takes a reset. */
	if (!(epe->type & EEH_PE_PHB)) {
		pr_info("EEH: Enable I/O for affected devices\n");
		ret = eeh_rpe_for_each(pe, thaw_mmio);
	}
	eeh_rpe_put(to_eeh_rpe(pe));
	return ret;
}

static int thaw_dma(struct eeh_pe *epe)
{
	return eeh_pci_enable(epe, EEH_OPT_THAW_DMA) ? -EIO : 0;
}

static int op_thaw_dma(struct pci_pe *pe)
{
	int ret;

	pr_info("EEH: Enabled DMA for affected devices\n");
	ret = eeh_rpe_for_each(pe, thaw_dma);
	if (!ret)
		eeh_rpe_clear(pe, EEH_PE_ISOLATED);
	return ret;
}

/*
 * What the firmware says.  That of powernv marks a PE isolated when it is found
 * frozen, as detection does, which would see nothing new in it after that.  Any
 * process context.
 */
int eeh_rpe_look(struct eeh_pe *epe)
{
	unsigned long flags;
	bool found;
	int state;

	eeh_serialize_lock(&flags);
	found = !(epe->state & EEH_PE_ISOLATED);
	state = eeh_ops->get_state(epe, NULL);
	found = found && (epe->state & EEH_PE_ISOLATED);
	eeh_serialize_unlock(flags);
	if (found)
		eeh_send_failure_event(epe);
	return state;
}

static enum pci_pe_hw_state hw_state(struct eeh_pe *epe)
{
	int state;

	/* Firmware of pseries knows nothing of it. */
	if (epe->type & EEH_PE_PHB && eeh_has_flag(EEH_PROBE_MODE_DEVTREE))
		return PCI_PE_HW_NORMAL;
	state = eeh_rpe_look(epe);
	if (state < 0 || state == EEH_STATE_NOT_SUPPORT)
		return PCI_PE_HW_GONE;
	/* In reset, or firmware is not done with it: not to be thawed. */
	if (state & (EEH_STATE_RESET_ACTIVE | EEH_STATE_UNAVAILABLE))
		return PCI_PE_HW_DISABLED;
	if (eeh_state_active(state))
		return PCI_PE_HW_NORMAL;
	if (state & EEH_STATE_MMIO_ENABLED)
		return PCI_PE_HW_MMIO;
	return PCI_PE_HW_FROZEN;
}

/* In the hands of a guest, which is to recover it itself. */
static bool op_refuse(struct pci_pe *pe)
{
	struct eeh_pe *epe = eeh_rpe_get(to_eeh_rpe(pe));
	bool passed;

	if (!epe)
		return false;
	passed = eeh_pe_passed(epe);
	eeh_rpe_put(to_eeh_rpe(pe));
	return passed;
}

static enum pci_pe_hw_state look(struct pci_pe *pe)
{
	struct eeh_pe *epe = eeh_rpe_get(to_eeh_rpe(pe));
	enum pci_pe_hw_state hw;

	if (!epe)
		return PCI_PE_HW_GONE;
	hw = hw_state(epe);
	eeh_rpe_put(to_eeh_rpe(pe));
	return hw;
}

/* The worst of it and those below, but one below that is not there. */
static enum pci_pe_hw_state op_state(struct pci_pe *root)
{
	/* How far from working. */
	static const u8 rank[] = {
		[PCI_PE_HW_NORMAL]	= 1,
		[PCI_PE_HW_MMIO]	= 2,
		[PCI_PE_HW_FROZEN]	= 3,
		[PCI_PE_HW_DISABLED]	= 4,
		[PCI_PE_HW_GONE]	= 0,
	};
	enum pci_pe_hw_state worst = look(root);
	enum pci_pe_hw_state hw;
	struct pci_pe *pe;

	if (worst == PCI_PE_HW_GONE)
		return worst;
	for (pe = eeh_rpe_next(root, root); pe; pe = eeh_rpe_next(pe, root)) {
		if (op_refuse(pe))
			continue;
		hw = look(pe);
		if (rank[hw] > rank[worst])
			worst = hw;
	}
	return worst;
}

/* As upstream's loads do it: it looks at the PEs above, too, and sends the event. */
static int op_check(struct pci_pe *pe, struct pci_dev *pdev)
{
	struct eeh_dev *edev = pci_dev_to_eeh_dev(pdev);

	return eeh_dev_check_failure(edev) > 0 ? -EAGAIN : 0;
}

/* There is no error any more, or nobody whose error it is. */
static void forget(struct pci_pe *pe)
{
	bool empty;

	scoped_guard(rcu)
		empty = !pci_pe_dev_rcu(pe);
	eeh_rpe_clear(pe, EEH_PE_RECOVERING);
	if (empty || op_state(pe) == PCI_PE_HW_NORMAL)
		eeh_rpe_clear(pe, EEH_PE_ISOLATED);
}

/* When the error that was reported is found to be over. */
static void op_withdraw(struct pci_pe *pe)
{
	struct pci_dev *pdev = pci_pe_get_dev(pe);

	forget(pe);
	eeh_rpe_tidy(to_eeh_rpe(pe), pdev);
	pci_dev_put(pdev);
}

static void op_report(struct pci_pe *pe, struct pci_dev *pdev,
		      enum pci_recovery_outcome outcome)
{
	switch (outcome) {
	case PCI_RECOVERY_ABSORBED:
		/* That of the PE above goes on. */
		return;
	case PCI_RECOVERY_RECOVERED:
		pr_info("EEH: Recovery successful.\n");
		eeh_rpe_clear(pe, EEH_PE_RECOVERING);
		break;
	case PCI_RECOVERY_FAILED:
		eeh_rpe_clear(pe, EEH_PE_RECOVERING);
		/* It is not to be found frozen any more. */
		if (pci_pe_state(pe) == PCI_PE_FAILED)
			eeh_rpe_mark(pe, EEH_PE_ISOLATED);
		break;
	case PCI_RECOVERY_GONE:
		eeh_rpe_clear(pe, EEH_PE_RECOVERING);
		/*
		 * Another card in its place is to be looked at anew.  A PHB is
		 * upstream's to remove, which looks for the mark.
		 */
		if (pe->parent)
			eeh_rpe_clear(pe, EEH_PE_ISOLATED);
		break;
	default:
		forget(pe);
	}
	eeh_rpe_tidy(to_eeh_rpe(pe), pdev);
}

static const struct pci_pe_ops eeh_rpe_ops = {
	.name		= "eeh",
	.find		= op_find,
	.lock		= op_lock,
	.unlock		= op_unlock,
	.freeze		= op_freeze,
	.diagnose	= op_diagnose,
	.thaw_mmio	= op_thaw_mmio,
	.thaw_dma	= op_thaw_dma,
	.reset		= eeh_rpe_reset,
	.state		= op_state,
	.refuse		= op_refuse,
	.rescan		= eeh_rpe_rescan,
	.report		= op_report,
	.withdraw	= op_withdraw,
	.notice		= eeh_log_notice,
	.max_freezes	= &eeh_max_freezes,
	.check		= op_check,
};

static int __init eeh_recovery_init(void)
{
	return pci_recovery_register(&eeh_rpe_ops);
}
arch_initcall(eeh_recovery_init);
