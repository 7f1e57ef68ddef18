// SPDX-License-Identifier: GPL-2.0
/*
 * PCI error recovery: the sequence.
 *
 *	zPCI event, EEH, write to "recover"
 *	  -> event	publish, queue				event.c
 *	  -> freeze	isolated, and the report is not stale	freeze.c
 *	  -> notify	error_detected: the drivers vote	notify.c, vote.c
 *	  -> thaw	mmio_enabled in between			freeze.c
 *	  or reset	restore, slot_reset, deeper if need be	reset.c, stash.c
 *	     rebind	around the reset, for drivers without	rebind.c
 *			handlers
 *	  -> resume						notify.c
 *	  or failure	for good, only after all of it
 *
 * Each PE has one worker, which runs its episodes one after the other; those
 * of different PEs run at the same time.  No lock is held from one step to the
 * next: drivers are called under the rescan/remove lock, which is shared by
 * all PEs that notify at the moment (window.c), and under their device's lock;
 * resets under the platform's own lock; unbinding and binding under none but
 * the device lock that the driver core takes.
 * After each gap pci_dev_is_added() and the PE's state are looked at again.
 *
 * Lock order: platform lock -> rescan/remove lock -> device lock.
 */

#define pr_fmt(fmt) "pci_recovery: " fmt

#include <linux/hash.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/timekeeping.h>

#include "recovery.h"

/* "pci_recovery.callback_ms=...", whatever this file is called. */
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "pci_recovery."

unsigned int pci_recovery_max_freezes = 5;
module_param_named(max_freezes, pci_recovery_max_freezes, uint, 0644);
MODULE_PARM_DESC(max_freezes, "errors of a PE in an hour before it is given up; for PEs found from now on");

/* Times: not zero, and not so long that nobody would learn of a hang. */
static int ms_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, 10 * 60 * 1000);
}

static const struct kernel_param_ops ms_ops = {
	.set = ms_set,
	.get = param_get_uint,
};

unsigned int pci_recovery_callback_ms = 10000;
module_param_cb(callback_ms, &ms_ops, &pci_recovery_callback_ms, 0644);
MODULE_PARM_DESC(callback_ms, "time a driver's callback or a reset may take before it is reported as stuck, in ms");

unsigned int pci_recovery_rescue_ms = 1000;
module_param_cb(rescue_ms, &ms_ops, &pci_recovery_rescue_ms, 0644);
MODULE_PARM_DESC(rescue_ms, "time after which a device that is frozen under a callback is thawed, in ms");

unsigned int pci_recovery_window_ms = 100;
module_param_cb(window_ms, &ms_ops, &pci_recovery_window_ms, 0644);
MODULE_PARM_DESC(window_ms, "time for which a notify window takes newcomers before hotplug gets its turn, in ms");

/*
 * The PEs' workers.  One waits for as long as a reset or a driver takes, and a
 * queue of Linux 6.12 has no more than 512 at a time; the other PEs are not to
 * wait for those.
 */
#define QUEUE_BITS 2

static struct workqueue_struct *queues[1 << QUEUE_BITS];

/* Who looks after them, which must never wait for one. */
struct workqueue_struct *pci_recovery_aux_wq;

static bool enabled __ro_after_init = true;

static int __init pci_recovery_setup(char *str)
{
	return kstrtobool(str, &enabled) == 0;
}
__setup("pci_recovery=", pci_recovery_setup);

/**
 * pci_recovery_enabled - does the core recover PCI errors?
 *
 * Context: Any.
 * Return: false after booting with pci_recovery=off: the platform's own
 * recovery is to be used.
 */
bool pci_recovery_enabled(void)
{
	return enabled;
}
EXPORT_SYMBOL_GPL(pci_recovery_enabled);

const char * const pci_pe_states[] = {
	[PCI_PE_LIVE]	= "live",
	[PCI_PE_FROZEN]	= "frozen",
	[PCI_PE_FAILED]	= "failed",
	[PCI_PE_DEAD]	= "gone",
};

static_assert(ARRAY_SIZE(pci_pe_states) == PCI_PE_NR_STATES);

const char * const pci_recovery_outcomes[] = {
	[PCI_RECOVERY_NONE]		= "none",
	[PCI_RECOVERY_RECOVERED]	= "recovered",
	[PCI_RECOVERY_FAILED]		= "failed",
	[PCI_RECOVERY_GONE]		= "gone",
	[PCI_RECOVERY_REFUSED]		= "refused",
	[PCI_RECOVERY_STALE]		= "stale",
	[PCI_RECOVERY_ABSORBED]		= "absorbed",
};

static_assert(ARRAY_SIZE(pci_recovery_outcomes) == PCI_RECOVERY_NR_OUTCOMES);

const char * const pci_recovery_rungs[] = {
	[PCI_RUNG_NONE]		= "none",
	[PCI_RUNG_THAW]		= "thaw",
	[PCI_RUNG_RESET]	= "reset",
	[PCI_RUNG_REBIND]	= "rebind",
	[PCI_RUNG_DEEP]		= "deep",
	[PCI_RUNG_RESCAN]	= "rescan",
};

static_assert(ARRAY_SIZE(pci_recovery_rungs) == PCI_RUNG_NR);

/**
 * pci_pe_max_freezes - how many errors in an hour a PE may have
 * @pe: the PE
 *
 * Context: Any.
 * Return: The limit: that which was written to its max_freezes, or the
 * platform's, or the core's.
 */
u32 pci_pe_max_freezes(struct pci_pe *pe)
{
	const u32 *platform = pe->ops->max_freezes;

	if (platform && !READ_ONCE(pe->limited))
		return READ_ONCE(*platform);
	return READ_ONCE(pe->max_freezes);
}

/* More errors in an hour than the limit?  As eeh_max_freezes. */
static bool over_budget(struct pci_pe *pe)
{
	time64_t now = ktime_get_boottime_seconds();

	guard(spinlock_irq)(&pe->lock);
	if (!pe->freezes || now - pe->freezes_since > 3600) {
		pe->freezes = 0;
		pe->freezes_since = now;
	}
	return ++pe->freezes > pci_pe_max_freezes(pe);
}

/* End the episode without a word to the drivers; one above says its own. */
enum pci_recovery_verdict pci_recovery_stop(struct pci_episode *ep,
					    enum pci_recovery_outcome outcome)
{
	ep->outcome = READ_ONCE(ep->pe->above) ? PCI_RECOVERY_ABSORBED : outcome;
	return PCI_STOP;
}

/* Is there a point in it? */
static enum pci_recovery_verdict admit(struct pci_episode *ep)
{
	struct pci_pe *pe = ep->pe;

	if (ep->permanent)
		return PCI_GIVE_UP;
	if (!ep->requested && over_budget(pe)) {
		pr_err("%s has failed %u times in the last hour and is given up\n",
		       pe->name, pe->freezes);
		return PCI_GIVE_UP;
	}
	return PCI_GO_ON;
}

/* The last rung: what an operator without us would do by hand. */
static enum pci_recovery_verdict rescan(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;
	ktime_t begin;
	int ret;

	/* remove() is not to run with the locks held that the rescan takes. */
	for_each_fn(ep, fn) {
		if (fn->driver && !fn->unbound && fn->plan != PCI_FN_LEFT)
			fn->plan = pci_fn_fallback(fn);
	}
	if (pci_recovery_unbind(ep))
		return PCI_GIVE_UP;

	/* Nobody is bound who asked for anything; those who will be may ask. */
	pci_recovery_renewed(ep);
	fn = list_first_entry(&ep->fns, struct pci_pe_fn, step);
	begin = pci_step_begin(ep, fn, PCI_STEP_RESCAN);
	ret = ep->pe->ops->rescan(ep->pe);
	pci_step_end(ep, fn, PCI_STEP_RESCAN, begin, ret);
	if (ret)
		return PCI_GIVE_UP;
	ep->rung = PCI_RUNG_RESCAN;
	return PCI_GO_ON;
}

/* Has an episode before this one left something half done? */
static bool unfinished(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;

	for_each_fn(ep, fn) {
		if (fn->plan != PCI_FN_LEFT && (fn->dirty || fn->unbound))
			return true;
	}
	return false;
}

/* Climb the ladder until a rung holds. */
static enum pci_recovery_verdict climb(struct pci_episode *ep)
{
	enum pci_recovery_verdict verdict = PCI_RESET;

	if (!ep->retry)
		verdict = pci_recovery_notify(ep, PCI_STEP_ERROR_DETECTED);
	/* Before MMIO is thawed, by whichever of the steps that follow. */
	if (verdict != PCI_STOP)
		pci_recovery_drain(ep, false);
	if (verdict != PCI_STOP && verdict != PCI_GIVE_UP)
		verdict = pci_recovery_diagnose(ep, verdict);
	if (verdict == PCI_GO_ON)
		verdict = unfinished(ep) ? PCI_RESET : pci_recovery_thaw(ep);
	if (verdict == PCI_RESET || verdict == PCI_NO_OPINION)
		verdict = pci_recovery_reset(ep);

	/* An operator is not satisfied with a driver that gives up. */
	if (verdict == PCI_GIVE_UP && ep->requested && !ep->retry) {
		ep->retry = true;
		verdict = pci_recovery_reset(ep);
	}
	if (verdict == PCI_GIVE_UP && ep->requested && !pci_episode_over(ep))
		verdict = rescan(ep);
	return verdict;
}

/* Gone, or absorbed: who knows. */
static enum pci_recovery_outcome gone(struct pci_episode *ep)
{
	pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	return ep->outcome;
}

/* The drivers may use their devices again. */
static enum pci_recovery_outcome resume(struct pci_episode *ep)
{
	/* After a rescan it is about others than the episode began with. */
	if (ep->rung != PCI_RUNG_RESCAN && pci_episode_over(ep))
		return gone(ep);
	if (!pci_tree_move(ep->pe, PCI_PE_LIVE))
		return gone(ep);
	pci_tree_reports(ep->pe);
	if (ep->rung == PCI_RUNG_RESCAN)
		return PCI_RECOVERY_RECOVERED;
	if (pci_episode_over(ep))
		return gone(ep);
	pci_recovery_open(ep);
	if (pci_recovery_notify(ep, PCI_STEP_RESUME) == PCI_STOP)
		return gone(ep);
	return pci_recovery_tell_failed(ep) ? PCI_RECOVERY_FAILED :
					      PCI_RECOVERY_RECOVERED;
}

/* Everyone is told that it is over, and nothing is tried any more. */
static enum pci_recovery_outcome fail(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;

	if (pci_episode_over(ep) || !pci_tree_move(ep->pe, PCI_PE_FAILED))
		return gone(ep);
	for_each_fn(ep, fn) {
		if (fn->plan != PCI_FN_LEFT)
			fn->plan = PCI_FN_FAIL;
	}
	/* What was asked for is not to be had. */
	pci_recovery_renewed(ep);
	pci_recovery_tell_failed(ep);
	return PCI_RECOVERY_FAILED;
}

/* A PE that turns out to be well was never frozen.  If nobody says otherwise. */
static enum pci_recovery_outcome leave(struct pci_episode *ep)
{
	if (!ep->doubted && ep->outcome != PCI_RECOVERY_GONE &&
	    ep->outcome != PCI_RECOVERY_ABSORBED &&
	    ep->pe->ops->state(ep->pe) == PCI_PE_HW_NORMAL) {
		pci_pe_withdraw(ep->pe);
		pci_pe_open(ep->pe);
	}
	return ep->outcome;
}

/* One episode, from the report to the outcome. */
static enum pci_recovery_outcome recover(struct pci_episode *ep)
{
	enum pci_recovery_verdict verdict;

	if (ep->release && pci_pe_dead(ep->pe))
		pci_recovery_release_fns(ep);
	/* Another device may be in its place, and have failed as well. */
	if (ep->release && !ep->reported && !ep->requested)
		return PCI_RECOVERY_GONE;
	verdict = pci_recovery_freeze(ep);
	if (verdict == PCI_GO_ON)
		verdict = pci_recovery_survey(ep);
	if (verdict == PCI_GO_ON)
		verdict = pci_recovery_isolate(ep);
	if (verdict == PCI_GO_ON)
		verdict = admit(ep);
	if (verdict == PCI_GO_ON)
		verdict = climb(ep);
	if (READ_ONCE(ep->pe->above))
		verdict = pci_recovery_stop(ep, PCI_RECOVERY_ABSORBED);

	switch (verdict) {
	case PCI_GO_ON:
		return resume(ep);
	case PCI_STOP:
		return leave(ep);
	default:
		return fail(ep);
	}
}

/* Runs the episodes of one PE: the work item of struct pci_pe. */
void pci_recovery_work(struct work_struct *work)
{
	struct pci_pe *pe = container_of(work, struct pci_pe, work);
	/* Memory may be had only from the disk that is to be recovered. */
	unsigned int noio = memalloc_noio_save();
	struct pci_episode ep;
	bool first = true;

	for (; pci_recovery_take(pe, &ep, first); first = false)
		pci_recovery_done(&ep, recover(&ep));
	memalloc_noio_restore(noio);
}

int __init pci_recovery_init_queues(void)
{
	int i;

	/* Without WQ_MEM_RECLAIM: drivers wait for works of queues without. */
	for (i = 0; i < ARRAY_SIZE(queues); i++) {
		queues[i] = alloc_workqueue("pci_recovery%d", WQ_UNBOUND,
					    WQ_MAX_ACTIVE, i);
		if (!queues[i])
			return -ENOMEM;
	}
	return 0;
}

/* Run the PE's worker, or once more if it runs.  Any context. */
void pci_recovery_queue(struct pci_pe *pe)
{
	queue_work(queues[hash_ptr(pe, QUEUE_BITS)], &pe->work);
}
