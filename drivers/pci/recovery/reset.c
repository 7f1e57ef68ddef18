// SPDX-License-Identifier: GPL-2.0
/*
 * Reset a PE, bring its functions back, and ask slot_reset whether it helped.
 *
 * A round is: unbind those without handlers -> reset -> same device? -> restore
 * -> slot_reset -> bind.  Where it does not hold the next one goes deeper:
 *
 *	slot_reset says NEED_RESET	fundamental reset
 *	... again			and rebind that function
 *	slot_reset says DISCONNECT	rebind that function
 *	reset or probe fails		fundamental reset
 *	frozen again by then		the same once more, after error_detected if
 *					slot_reset was called
 *
 * Never is a driver resumed after a reset without slot_reset or a restore.
 */

#define pr_fmt(fmt) "pci_recovery: " fmt

#include "recovery.h"

static int reset_op(struct pci_episode *ep)
{
	return ep->pe->ops->reset(ep->pe, ep->depth);
}

/*
 * A reset, or what comes to the same, undoes what the watchdog did to the devices, and
 * is what the drivers have asked for so far.
 */
void pci_recovery_renewed(struct pci_episode *ep)
{
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, ep->pe) {
		clear_bit(PE_RESCUED, &pe->flags);
		clear_bit(PE_DOUBTED, &pe->flags);
	}
}

/* Reset the PE, as deep as it has come to.  -ENODEV if it is gone. */
int pci_recovery_reset_pe(struct pci_episode *ep)
{
	bool deep = ep->depth == PCI_PE_RESET_FUNDAMENTAL;
	int ret;

	pci_recovery_drain(ep, true);
	ret = pci_recovery_locked(ep, deep ? PCI_STEP_DEEP_RESET :
					     PCI_STEP_RESET, reset_op);
	if (ret)
		return ret;
	pci_recovery_renewed(ep);
	pci_pe_publish(ep->pe, pci_channel_io_normal);
	if (pci_recovery_refrozen(ep))
		pci_pe_publish(ep->pe, pci_channel_io_frozen);
	return 0;
}

/* A VF is there when its PF's driver has enabled it again, in slot_reset. */
static bool is_late(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	struct pci_pe_fn *pf;

	if (!fn->pdev->is_virtfn)
		return false;
	for_each_fn(ep, pf) {
		if (pf->pdev == pci_physfn(fn->pdev))
			return pf->plan == PCI_FN_KEEP;
	}
	return false;
}

static int restore_fn(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	ktime_t begin;
	int ret;

	ret = pci_stash_check(fn);
	if (ret == -ENODEV && !READ_ONCE(fn->left))
		pci_recovery_gone(fn->pe, false);
	/* One that is gone does not hold up the others. */
	if (ret && (READ_ONCE(fn->left) || pci_pe_dead(fn->pe))) {
		fn->plan = PCI_FN_LEFT;
		return 0;
	}
	if (ret || (fn->plan != PCI_FN_RIDE && !fn->unbound))
		return ret;
	begin = pci_step_begin(ep, fn, PCI_STEP_RESTORE);
	ret = pci_stash_restore(fn);
	pci_step_end(ep, fn, PCI_STEP_RESTORE, begin, ret);
	return READ_ONCE(fn->left) ? 0 : ret;
}

/*
 * After the reset: the same functions, with config space as it was.
 * @late: those that are there only after slot_reset
 */
static int restore(struct pci_episode *ep, bool late)
{
	struct pci_pe_fn *fn;
	int ret;

	for_each_fn(ep, fn) {
		if (fn->plan == PCI_FN_LEFT || is_late(ep, fn) != late)
			continue;
		ret = restore_fn(ep, fn);
		if (ret)
			return ret;
	}
	return pci_episode_over(ep) ? -ENODEV : 0;
}

/* What slot_reset said, as a plan for the next round. */
static enum pci_recovery_verdict replan(struct pci_episode *ep)
{
	bool deep = ep->depth == PCI_PE_RESET_FUNDAMENTAL;
	enum pci_recovery_verdict verdict = PCI_GO_ON;
	struct pci_pe_fn *fn;

	for_each_fn(ep, fn) {
		/* Its driver was unbound meanwhile, and it is not restored. */
		if (fn->plan != PCI_FN_KEEP && fn->verdict == PCI_RESET)
			verdict = PCI_RESET;
		if (fn->plan != PCI_FN_KEEP)
			continue;
		if (fn->verdict == PCI_GIVE_UP ||
		    (fn->verdict == PCI_RESET && deep)) {
			fn->plan = pci_fn_fallback(fn);
			verdict = PCI_RESET;
		} else if (fn->verdict == PCI_RESET) {
			ep->depth = PCI_PE_RESET_FUNDAMENTAL;
			verdict = PCI_RESET;
		}
	}
	return verdict;
}

static void rung_reached(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;

	if (ep->depth == PCI_PE_RESET_FUNDAMENTAL) {
		ep->rung = PCI_RUNG_DEEP;
		return;
	}
	ep->rung = max(ep->rung, PCI_RUNG_RESET);
	for_each_fn(ep, fn) {
		if (fn->unbound)
			ep->rung = PCI_RUNG_REBIND;
	}
}

/* Has a driver begun to use its device, in slot_reset? */
static bool begun(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;

	for_each_fn(ep, fn) {
		if (fn->plan == PCI_FN_KEEP && fn->verdict == PCI_GO_ON)
			return true;
	}
	return false;
}

/*
 * Another reset after slot_reset.  The drivers may be in the middle of what that
 * began, in other threads, and take one slot_reset for each error_detected.
 */
static enum pci_recovery_verdict tell_again(struct pci_episode *ep)
{
	ep->repeat = true;
	pci_pe_publish(ep->pe, pci_channel_io_frozen);
	if (pci_recovery_notify(ep, PCI_STEP_ERROR_DETECTED) == PCI_STOP)
		return PCI_STOP;
	return PCI_RESET;
}

/* One round; PCI_RESET if the next one is to be tried. */
static enum pci_recovery_verdict reset_round(struct pci_episode *ep)
{
	enum pci_recovery_verdict verdict;
	int ret;

	if (pci_episode_over(ep))
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	ret = pci_recovery_unbind(ep);
	rung_reached(ep);
	if (!ret)
		ret = pci_recovery_reset_pe(ep);
	if (!ret) {
		ret = restore(ep, false);
		/* Before a driver begins with what it cannot end. */
		if (ret != -ENODEV && pci_recovery_refrozen(ep))
			return PCI_RESET;
	}
	if (ret == -ENODEV)
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	if (ret) {
		ep->depth = PCI_PE_RESET_FUNDAMENTAL;
		return PCI_RESET;
	}

	verdict = pci_recovery_notify(ep, PCI_STEP_SLOT_RESET);
	if (verdict == PCI_STOP)
		return verdict;
	verdict = replan(ep);
	if (pci_recovery_refrozen(ep))
		return tell_again(ep);
	if (verdict == PCI_GO_ON && restore(ep, true))
		verdict = PCI_RESET;
	if (verdict == PCI_GO_ON)
		verdict = pci_recovery_bind(ep);
	/* Those who asked for it themselves expect no more than that. */
	if (verdict == PCI_RESET && begun(ep))
		return tell_again(ep);
	return verdict;
}

/*
 * PCI_GO_ON when every function is well, PCI_GIVE_UP when the resets that one
 * episode may do are used up.
 */
enum pci_recovery_verdict pci_recovery_reset(struct pci_episode *ep)
{
	enum pci_recovery_verdict verdict = PCI_RESET;
	struct pci_pe_fn *fn;

	/* Drivers that were told it is over do not expect slot_reset. */
	for_each_fn(ep, fn) {
		if (ep->retry && fn->driver && fn->plan != PCI_FN_LEFT)
			fn->plan = pci_fn_fallback(fn);
	}
	while (verdict == PCI_RESET && ep->resets++ < PCI_RECOVERY_RESETS)
		verdict = reset_round(ep);
	return verdict == PCI_RESET ? PCI_GIVE_UP : verdict;
}
