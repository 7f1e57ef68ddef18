// SPDX-License-Identifier: GPL-2.0
/*
 * EEH back end of the PCI error recovery core: the log.
 *
 * Field manuals and test suites look for what upstream's recovery prints, so
 * this prints the same, to the byte, when the same happens.
 */

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pci.h>

#include <asm/eeh_recovery.h>
#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>

#include "eeh_recovery.h"

/* Names of votes, in the order in which one of them outranks another. */
static const struct {
	enum pci_ers_result vote;
	const char *name;
} votes[] = {
	{ PCI_ERS_RESULT_NONE,		"none" },
	{ PCI_ERS_RESULT_NO_AER_DRIVER,	"no AER driver" },
	{ PCI_ERS_RESULT_RECOVERED,	"recovered" },
	{ PCI_ERS_RESULT_CAN_RECOVER,	"can recover" },
	{ PCI_ERS_RESULT_DISCONNECT,	"disconnect" },
	{ PCI_ERS_RESULT_NEED_RESET,	"need reset" },
};

static int rank(enum pci_ers_result vote)
{
	int i;

	for (i = ARRAY_SIZE(votes) - 1; i >= 0; i--) {
		if (votes[i].vote == vote)
			break;
	}
	return i;
}

static const char *vote_name(enum pci_ers_result vote)
{
	int i = rank(vote);

	return i < 0 ? "unknown" : votes[i].name;
}

static const char *phase_name(enum pci_step callback)
{
	switch (callback) {
	case PCI_STEP_ERROR_DETECTED:
		return "error_detected(IO frozen)";
	case PCI_STEP_PERM_FAILURE:
		return "error_detected(permanent failure)";
	case PCI_STEP_MMIO_ENABLED:
		return "mmio_enabled";
	case PCI_STEP_SLOT_RESET:
		return "slot_reset";
	default:
		return "resume";
	}
}

/* What was found, and where.  Under the rescan/remove lock. */
void eeh_log_freeze(struct eeh_pe *epe)
{
	struct pci_bus *bus = eeh_pe_bus_get_nolock(epe);
	int phb = epe->phb->global_number;
#ifdef CONFIG_STACKTRACE
	int i;
#endif

	if (epe->type & EEH_PE_PHB) {
		pr_err("EEH: Recovering PHB#%x, location: %s\n", phb,
		       eeh_pe_loc_get_bus(bus));
	} else {
		pr_err("EEH: Recovering PHB#%x-PE#%x\n", phb, epe->addr);
		pr_err("EEH: PE location: %s, PHB location: %s\n",
		       eeh_pe_loc_get_bus(bus),
		       eeh_pe_loc_get_bus(epe->phb->bus));
	}
#ifdef CONFIG_STACKTRACE
	if (!epe->trace_entries)
		return;
	pr_err("EEH: Frozen PHB#%x-PE#%x detected\n", phb, epe->addr);
	pr_err("EEH: Call Trace:\n");
	for (i = 0; i < epe->trace_entries; i++)
		pr_err("EEH: [%p] %pS\n", (void *)epe->stack_trace[i],
		       (void *)epe->stack_trace[i]);
	epe->trace_entries = 0;
#endif
}

/*
 * INTx would go on and on while nobody can make the device stop; MSI and MSI-X
 * are DMA, which is stopped.
 */
static void disable_intx(struct eeh_dev *edev, struct pci_dev *pdev)
{
	if (pdev->msi_enabled || pdev->msix_enabled ||
	    edev->mode & EEH_DEV_IRQ_DISABLED || !irq_has_action(pdev->irq))
		return;
	edev->mode |= EEH_DEV_IRQ_DISABLED;
	disable_irq_nosync(pdev->irq);
}

/* Once for each time it was disabled; who requests it anew starts it. */
static void enable_intx(struct eeh_dev *edev, struct pci_dev *pdev)
{
	if (!(edev->mode & EEH_DEV_IRQ_DISABLED))
		return;
	edev->mode &= ~EEH_DEV_IRQ_DISABLED;
	if (irq_has_action(pdev->irq) &&
	    irqd_irq_disabled(irq_get_irq_data(pdev->irq)))
		enable_irq(pdev->irq);
}

static void log_begin(struct eeh_rpe *rpe, enum pci_step callback)
{
	struct pci_pe *pe = &rpe->pe;

	switch (callback) {
	case PCI_STEP_ERROR_DETECTED:
		rpe->aggregate = PCI_ERS_RESULT_NONE;
		/* An operator's wish does not count. */
		if (pe->freezes)
			pr_warn("EEH: This PCI device has failed %d times in the last hour and will be permanently disabled after %d failures.\n",
				pe->freezes, pci_pe_max_freezes(pe));
		pr_info("EEH: Notify device drivers to shutdown\n");
		break;
	case PCI_STEP_MMIO_ENABLED:
		pr_info("EEH: Notify device drivers to resume I/O\n");
		break;
	case PCI_STEP_SLOT_RESET:
		rpe->aggregate = PCI_ERS_RESULT_NONE;
		break;
	case PCI_STEP_RESUME:
		pr_info("EEH: Notify device driver to resume\n");
		break;
	default:
		break;
	}
	pr_info("EEH: Beginning: '%s'\n", phase_name(callback));
}

static void log_end(struct eeh_rpe *rpe, enum pci_step callback)
{
	const char *name = phase_name(callback);

	if (callback == PCI_STEP_RESUME || callback == PCI_STEP_PERM_FAILURE)
		pr_info("EEH: Finished:'%s'", name);
	else
		pr_info("EEH: Finished:'%s' with aggregate recovery state:'%s'\n",
			name, vote_name(rpe->aggregate));
}

/*
 * It is over, but for the drivers.  The firmware's log is read while they are
 * there, unless that would disturb functions that go on.
 */
static void log_failure(struct eeh_rpe *rpe, struct eeh_pe *epe)
{
	struct pci_pe *pe = &rpe->pe;
	int phb = epe->phb->global_number;

	if (pe->freezes > pci_pe_max_freezes(pe))
		pr_err("EEH: PHB#%x-PE#%x has failed %d times in the last hour and has been permanently disabled.\n",
		       phb, epe->addr, pe->freezes);
	pr_err("EEH: Unable to recover from failure from PHB#%x-PE#%x.\n"
	       "Please try reseating or replacing it\n", phb, epe->addr);
	if (pci_pe_state(pe) != PCI_PE_FAILED)
		return;
	if (!(epe->type & EEH_PE_PHB))
		eeh_pci_enable(epe, EEH_OPT_THAW_MMIO);
	pci_lock_rescan_remove();
	eeh_slot_error_detail(epe, EEH_LOG_PERM);
	pci_unlock_rescan_remove();
}

/*
 * The log is read with MMIO allowed.  Firmware may take long for that, so it is
 * not left to eeh_slot_error_detail(), under the rescan/remove lock.
 */
void eeh_log_thaw(struct eeh_pe *epe)
{
	if (!(epe->type & EEH_PE_PHB) && eeh_has_flag(EEH_ENABLE_IO_FOR_LOG))
		eeh_pci_enable(epe, EEH_OPT_THAW_MMIO);
}

static void log_call(struct eeh_dev *edev, const struct pci_notice *notice)
{
	switch (notice->callback) {
	case PCI_STEP_ERROR_DETECTED:
	case PCI_STEP_PERM_FAILURE:
		disable_intx(edev, notice->pdev);
		eeh_edev_info(edev, "Invoking %s->%s", notice->driver,
			      phase_name(notice->callback));
		break;
	default:
		eeh_edev_info(edev, "Invoking %s->%s()", notice->driver,
			      phase_name(notice->callback));
	}
}

static void log_vote(struct eeh_rpe *rpe, struct eeh_dev *edev,
		     const struct pci_notice *notice)
{
	eeh_edev_info(edev, "%s driver reports: '%s'", notice->driver,
		      vote_name(notice->vote));
	if (rank(notice->vote) > rank(rpe->aggregate))
		rpe->aggregate = notice->vote;
#ifdef CONFIG_PCI_IOV
	if (notice->callback == PCI_STEP_RESUME && eeh_ops->notify_resume)
		eeh_ops->notify_resume(edev);
#endif
}

static void log_fn(struct eeh_rpe *rpe, const struct pci_notice *notice)
{
	struct eeh_dev *edev = pci_dev_to_eeh_dev(notice->pdev);

	/* It has left. */
	if (!edev || !eeh_dev_to_pci_dev(edev))
		return;
	if (notice->callback == PCI_STEP_SLOT_RESET ||
	    notice->callback == PCI_STEP_RESUME)
		enable_intx(edev, notice->pdev);
	if (eeh_pe_passed(edev->pe)) {
		eeh_edev_info(edev, "not actionable (%d,%d,%d)", 1, 1, 0);
		return;
	}
	if (notice->kind != PCI_NOTICE_CALL && notice->driver &&
	    notice->callback == PCI_STEP_ERROR_DETECTED)
		disable_intx(edev, notice->pdev);
	if (notice->kind == PCI_NOTICE_CALL)
		log_call(edev, notice);
	else if (notice->kind == PCI_NOTICE_VOTE)
		log_vote(rpe, edev, notice);
	else if (!notice->driver)
		eeh_edev_info(edev, "no driver");
	else
		eeh_edev_info(edev, "driver not EEH aware");
}

void eeh_log_notice(struct pci_pe *pe, const struct pci_notice *notice)
{
	struct eeh_rpe *rpe = to_eeh_rpe(pe);
	struct eeh_pe *epe = eeh_rpe_get(rpe);

	if (!epe)
		return;
	switch (notice->kind) {
	case PCI_NOTICE_BEGIN:
		if (notice->callback == PCI_STEP_PERM_FAILURE)
			log_failure(rpe, epe);
		log_begin(rpe, notice->callback);
		break;
	case PCI_NOTICE_END:
		log_end(rpe, notice->callback);
		break;
	default:
		log_fn(rpe, notice);
	}
	eeh_rpe_put(rpe);
}
