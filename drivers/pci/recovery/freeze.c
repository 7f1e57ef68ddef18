// SPDX-License-Identifier: GPL-2.0
/*
 * Freeze a PE, and thaw it again without a reset.
 *
 * The thaw has two steps, so that mmio_enabled can look at the device while
 * its DMA is still stopped: MMIO, then DMA.  See
 * Documentation/PCI/pci-error-recovery.rst, step 2.
 */

#include "recovery.h"

/* Under the platform's lock: 0, -ENODEV if the PE is not configured, or @op's. */
int pci_recovery_locked(struct pci_episode *ep, enum pci_step step,
			int (*op)(struct pci_episode *ep))
{
	struct pci_pe *pe = ep->pe;
	ktime_t begin;
	int ret;

	pci_watch_wait(ep, NULL);
	ret = pe->ops->lock(pe);
	pci_watch_end(ep);
	if (ret)
		return ret;
	if (pci_episode_over(ep)) {
		ret = -ENODEV;
	} else {
		begin = pci_step_begin(ep, NULL, step);
		ret = op(ep);
		pci_step_end(ep, NULL, step, begin, ret);
	}
	pe->ops->unlock(pe);
	return ret;
}

static int freeze(struct pci_episode *ep)
{
	return ep->pe->ops->freeze(ep->pe);
}

static int diagnose(struct pci_episode *ep)
{
	return ep->pe->ops->diagnose(ep->pe);
}

static int thaw_mmio(struct pci_episode *ep)
{
	return ep->pe->ops->thaw_mmio(ep->pe);
}

static int thaw_dma(struct pci_episode *ep)
{
	return ep->pe->ops->thaw_dma(ep->pe);
}

/* Is the PE there, isolated, and the report that led here not stale? */
enum pci_recovery_verdict pci_recovery_freeze(struct pci_episode *ep)
{
	struct pci_pe *pe = ep->pe;

	if (pci_episode_over(ep) || list_empty(&ep->fns))
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	switch (pci_recovery_locked(ep, PCI_STEP_FREEZE, freeze)) {
	case -ENODEV:
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	case -ESTALE:
		/* Neither asks because of what the platform reported. */
		if (ep->requested || ep->doubted)
			break;
		return pci_recovery_stop(ep, PCI_RECOVERY_STALE);
	case -EIO:
		/* Nor does what the platform thinks of it keep him from it. */
		ep->permanent = true;
		break;
	default:
		break;
	}
	if (ep->requested)
		ep->permanent = false;
	/* It may have been unsure until now. */
	if (ep->reported)
		pci_pe_publish_error(pe);
	if (pe->ops->refuse(pe) ||
	    (!ep->requested && !READ_ONCE(pe->auto_recover)))
		return pci_recovery_stop(ep, PCI_RECOVERY_REFUSED);
	return PCI_GO_ON;
}

/*
 * From here on everybody who looks sees the functions frozen.  An operator may
 * ask for the recovery of a PE that works, or of one that was given up.
 */
enum pci_recovery_verdict pci_recovery_isolate(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;

	if (pci_episode_over(ep) || !pci_tree_move(ep->pe, PCI_PE_FROZEN))
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	/* Not pci_dev_set_io_state(): a failure was for good only until now. */
	for_each_fn(ep, fn) {
		if (fn->refused || pci_pe_dead(fn->pe))
			continue;
		WRITE_ONCE(fn->pdev->error_state, pci_channel_io_frozen);
		pci_gate_publish(fn->pdev, pci_channel_io_frozen);
		/* Not over the head of one that was pulled just now. */
		if (pci_pe_dead(fn->pe))
			pci_pe_publish(fn->pe, pci_channel_io_perm_failure);
	}
	if (pci_pe_dead(ep->pe))
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	ep->announced = true;
	for_each_fn(ep, fn) {
		/* Not once more what an episode that was absorbed has begun. */
		if (fn->refused || fn->announced || !pci_dev_is_added(fn->pdev))
			continue;
		fn->announced = true;
		pci_uevent_ers(fn->pdev, PCI_ERS_RESULT_NONE);
	}
	return PCI_GO_ON;
}

/* The last look at the device as it failed; @verdict, if there is a point in it. */
enum pci_recovery_verdict
pci_recovery_diagnose(struct pci_episode *ep, enum pci_recovery_verdict verdict)
{
	if (!ep->pe->ops->diagnose)
		return verdict;
	switch (pci_recovery_locked(ep, PCI_STEP_DIAGNOSE, diagnose)) {
	case 0:
		return verdict;
	case -ENODEV:
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	default:
		return PCI_GIVE_UP;
	}
}

/*
 * Has the device failed again, after a thaw or reset?  A late report of the
 * freeze that was dealt with is not to be seen by the drivers.
 */
bool pci_recovery_refrozen(struct pci_episode *ep)
{
	struct pci_pe *pe = ep->pe;

	if (!pci_pe_flagged(pe, PE_REPORTED))
		return false;
	if (pci_pe_flagged(pe, PE_DOUBTED) ||
	    pe->ops->state(pe) != PCI_PE_HW_NORMAL)
		return true;
	pci_pe_publish(pe, pci_channel_io_normal);
	if (pe->ops->state(pe) == PCI_PE_HW_NORMAL)
		return false;
	pci_pe_publish(pe, pci_channel_io_frozen);
	return true;
}

/* Let the drivers have their devices back as they are. */
enum pci_recovery_verdict pci_recovery_thaw(struct pci_episode *ep)
{
	enum pci_recovery_verdict verdict;

	pci_recovery_drain(ep, true);
	if (pci_recovery_locked(ep, PCI_STEP_THAW_MMIO, thaw_mmio))
		return PCI_RESET;
	verdict = pci_recovery_notify(ep, PCI_STEP_MMIO_ENABLED);
	if (verdict != PCI_GO_ON)
		return verdict;
	/* With DMA stopped it should not be able to fail, but it has. */
	if (ep->pe->ops->state(ep->pe) == PCI_PE_HW_FROZEN)
		return PCI_RESET;
	if (pci_recovery_locked(ep, PCI_STEP_THAW_DMA, thaw_dma))
		return PCI_RESET;
	pci_pe_publish(ep->pe, pci_channel_io_normal);
	if (pci_recovery_refrozen(ep)) {
		pci_pe_publish(ep->pe, pci_channel_io_frozen);
		return PCI_RESET;
	}
	ep->rung = PCI_RUNG_THAW;
	return PCI_GO_ON;
}

/*
 * Make MMIO answer, so that a driver's remove() does not wait for ever for a
 * register to change that reads all-ones.
 */
int pci_recovery_revive(struct pci_episode *ep)
{
	switch (ep->pe->ops->state(ep->pe)) {
	case PCI_PE_HW_NORMAL:
	case PCI_PE_HW_MMIO:
		return 0;
	case PCI_PE_HW_FROZEN:
		if (!pci_recovery_locked(ep, PCI_STEP_REVIVE, thaw_mmio))
			return 0;
		fallthrough;
	default:
		return pci_recovery_reset_pe(ep);
	}
}
