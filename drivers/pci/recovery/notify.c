// SPDX-License-Identifier: GPL-2.0
/*
 * Notify: the four callbacks of the bound drivers.
 *
 * Each is called inside the notify window, on a function that was seen to be
 * added, under its device lock, and only if the driver is the one that the
 * episode began with.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <trace/events/pci_recovery.h>

#include "recovery.h"

/* Between two tries to get a device lock, in ms: at first, and at most. */
#define BACKOFF_MIN 5
#define BACKOFF_MAX 1000

/*
 * Keep @fn from leaving, and its driver from changing.  -ENODEV if it has
 * left.
 *
 * sriov_numvfs_store() takes the device lock first and then the rescan/remove
 * lock, so inside the window the device lock is only tried.
 */
int pci_fn_lock(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	unsigned int backoff = BACKOFF_MIN;
	int ret = 0;

	pci_watch_wait(ep, fn);
	for (;;) {
		pci_window_enter(ep);
		if (pci_episode_over(ep) || pci_pe_dead(fn->pe) ||
		    READ_ONCE(fn->left)) {
			ret = -ENODEV;
			break;
		}
		/* Not added: about to be, or about to leave. */
		if (pci_dev_is_added(fn->pdev) &&
		    device_trylock(&fn->pdev->dev))
			break;
		pci_window_leave(ep);
		msleep(backoff);
		backoff = min(2 * backoff, BACKOFF_MAX);
	}
	if (ret)
		pci_window_leave(ep);
	pci_watch_end(ep);
	return ret;
}

void pci_fn_unlock(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	device_unlock(&fn->pdev->dev);
	pci_window_leave(ep);
}

static const struct pci_error_handlers *handlers(struct pci_pe_fn *fn)
{
	return fn->driver ? fn->driver->err_handler : NULL;
}

static bool aware(struct pci_pe_fn *fn)
{
	return handlers(fn) && handlers(fn)->error_detected;
}

/* Tell the platform; @fn is NULL at the beginning and the end. */
static void notice(struct pci_episode *ep, enum pci_notice_kind kind,
		   struct pci_pe_fn *fn, enum pci_step callback,
		   pci_ers_result_t vote)
{
	struct pci_notice notice = {
		.kind = kind,
		.callback = callback,
		.pdev = fn ? fn->pdev : NULL,
		.driver = fn && fn->driver ? fn->driver_name : NULL,
		.vote = vote,
	};

	if (ep->pe->ops->notice)
		ep->pe->ops->notice(ep->pe, &notice);
}

/* Somebody else has it, as vfio-pci has for user space.  Under the device lock. */
static bool managed(struct pci_dev *pdev)
{
	struct pci_driver *driver = to_pci_driver(pdev->dev.driver);

	return driver && driver->driver_managed_dma;
}

/* The driver that an episode deals with; nobody else may bind meanwhile. */
static int survey_fn(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	int ret;

	ret = pci_fn_lock(ep, fn);
	if (ret)
		return ret;
	/* A bridge does DMA for others only, and its driver knows of errors. */
	if (managed(fn->pdev) && !pci_is_bridge(fn->pdev)) {
		ret = -EBUSY;
		goto unlock;
	}
	pci_fn_pin(fn);
	pci_fn_bar(fn, true);

	fn->unbound = fn->unbound && !fn->driver;
	if (pci_pe_state(fn->pe) == PCI_PE_FAILED || fn->given_up)
		fn->dirty = true;
	if (fn->driver && aware(fn) && !ep->retry && !pci_gate_lost(fn->pdev) &&
	    pci_pe_state(fn->pe) != PCI_PE_FAILED && !fn->given_up)
		fn->plan = PCI_FN_KEEP;
	else
		fn->plan = pci_fn_fallback(fn);
unlock:
	pci_fn_unlock(ep, fn);
	return ret;
}

/* Look who is there.  Those who left meanwhile leave the episode, too. */
enum pci_recovery_verdict pci_recovery_survey(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;
	bool refused = false;
	bool stay = false;

	/* The drivers were told that it is over, they expect no callback. */
	ep->retry = pci_pe_state(ep->pe) == PCI_PE_FAILED;
	for_each_fn(ep, fn) {
		/* One below that is in the hands of somebody else. */
		fn->refused = fn->pe != ep->pe && fn->pe->ops->refuse(fn->pe);
		if (fn->refused) {
			fn->plan = PCI_FN_LEFT;
			refused = true;
			continue;
		}
		switch (survey_fn(ep, fn)) {
		case -EBUSY:
			if (fn->pe == ep->pe)
				return pci_recovery_stop(ep,
							 PCI_RECOVERY_REFUSED);
			fn->refused = true;
			fn->plan = PCI_FN_LEFT;
			refused = true;
			break;
		case -ENODEV:
			fn->plan = PCI_FN_LEFT;
			break;
		default:
			stay = true;
		}
	}
	if (stay)
		return PCI_GO_ON;
	return pci_recovery_stop(ep, refused ? PCI_RECOVERY_REFUSED :
					       PCI_RECOVERY_GONE);
}

static bool has_callback(struct pci_pe_fn *fn, enum pci_step callback)
{
	const struct pci_error_handlers *h = handlers(fn);

	if (!h)
		return false;
	switch (callback) {
	case PCI_STEP_ERROR_DETECTED:
	case PCI_STEP_PERM_FAILURE:
		return h->error_detected;
	case PCI_STEP_MMIO_ENABLED:
		return h->mmio_enabled;
	case PCI_STEP_SLOT_RESET:
		return h->slot_reset;
	default:
		return h->resume;
	}
}

static pci_ers_result_t call(struct pci_pe_fn *fn, enum pci_step callback)
{
	const struct pci_error_handlers *h = handlers(fn);

	switch (callback) {
	case PCI_STEP_ERROR_DETECTED:
		return h->error_detected(fn->pdev, pci_channel_io_frozen);
	case PCI_STEP_PERM_FAILURE:
		return h->error_detected(fn->pdev, pci_channel_io_perm_failure);
	case PCI_STEP_MMIO_ENABLED:
		return h->mmio_enabled(fn->pdev);
	case PCI_STEP_SLOT_RESET:
		return h->slot_reset(fn->pdev);
	default:
		h->resume(fn->pdev);
		return PCI_ERS_RESULT_NONE;
	}
}

/* The driver that the episode knows was unbound, by hand. */
static enum pci_recovery_verdict driver_changed(struct pci_pe_fn *fn,
						enum pci_step callback)
{
	if (callback == PCI_STEP_PERM_FAILURE)
		return PCI_NO_OPINION;
	pci_fn_changed(fn);
	if (callback != PCI_STEP_SLOT_RESET)
		return PCI_NO_OPINION;
	/* It was to bring config space back. */
	return fn->driver || pci_stash_restore(fn) ? PCI_RESET : PCI_NO_OPINION;
}

/*
 * A driver may begin in a callback what it ends in another thread: nvme of 6.12
 * freezes its queues in error_detected.  Lockdep would take that for locks that
 * the worker holds, for ever.
 */
#ifdef CONFIG_LOCKDEP
static void forget_locks(int depth)
{
	struct held_lock *held = current->held_locks;

	while (current->lockdep_depth > depth)
		lock_release(held[current->lockdep_depth - 1].instance,
			     _THIS_IP_);
}

#define LOCK_DEPTH	(current->lockdep_depth)
#else
static void forget_locks(int depth) { }

#define LOCK_DEPTH	0
#endif

/* Call one driver, if it is still the same and wants to be called. */
static enum pci_recovery_verdict call_driver(struct pci_episode *ep,
					     struct pci_pe_fn *fn,
					     enum pci_step callback)
{
	int depth = LOCK_DEPTH;
	pci_ers_result_t vote;
	ktime_t begin;

	if (to_pci_driver(fn->pdev->dev.driver) != fn->driver)
		return driver_changed(fn, callback);
	if (!has_callback(fn, callback)) {
		if (callback == PCI_STEP_SLOT_RESET) {
			begin = pci_step_begin(ep, fn, PCI_STEP_RESTORE);
			pci_running_restore(fn);
			pci_step_end(ep, fn, PCI_STEP_RESTORE, begin, 0);
		}
		notice(ep, PCI_NOTICE_VOTE, fn, callback, PCI_ERS_RESULT_NONE);
		return PCI_GO_ON;
	}
	notice(ep, PCI_NOTICE_CALL, fn, callback, PCI_ERS_RESULT_NONE);
	begin = pci_step_begin(ep, fn, callback);
	vote = call(fn, callback);
	forget_locks(depth);
	pci_step_end(ep, fn, callback, begin, 0);
	notice(ep, PCI_NOTICE_VOTE, fn, callback, vote);
	if (callback == PCI_STEP_RESUME || callback == PCI_STEP_PERM_FAILURE)
		return PCI_GO_ON;
	trace_pci_recovery_vote(ep->id, pci_name(fn->pdev), fn->driver_name,
				callback, (__force u32)vote);
	return pci_vote_verdict(callback, vote);
}

/*
 * A driver that is not asked.  What the platform knows of the function, and what we
 * know of the driver, is there as long as the function is locked.
 */
static void skip(struct pci_episode *ep, struct pci_pe_fn *fn,
		 enum pci_step callback)
{
	struct pci_driver *driver;

	if (!ep->pe->ops->notice || fn->plan == PCI_FN_LEFT ||
	    pci_fn_lock(ep, fn))
		return;
	driver = to_pci_driver(fn->pdev->dev.driver);
	notice(ep, driver && driver == fn->driver && driver->err_handler ?
		       PCI_NOTICE_VOTE : PCI_NOTICE_SKIP,
	       fn, callback, PCI_ERS_RESULT_NONE);
	pci_fn_unlock(ep, fn);
}

static enum pci_recovery_verdict notify_fn(struct pci_episode *ep,
					   struct pci_pe_fn *fn,
					   enum pci_step callback)
{
	enum pci_recovery_verdict verdict;

	if (fn->plan != PCI_FN_KEEP) {
		skip(ep, fn, callback);
		return PCI_NO_OPINION;
	}
	if (pci_fn_lock(ep, fn))
		return PCI_STOP;
	verdict = call_driver(ep, fn, callback);
	pci_fn_unlock(ep, fn);
	return verdict;
}

/* What error_detected said, as a plan for the function. */
static void plan_fn(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	if (fn->plan != PCI_FN_KEEP)
		return;
	if (fn->verdict == PCI_NO_OPINION)
		fn->plan = pci_fn_fallback(fn);
	if (fn->verdict == PCI_GIVE_UP && ep->repeat) {
		fn->plan = pci_fn_fallback(fn);
		fn->verdict = PCI_RESET;
	}
}

/* Those who give up do so for themselves, unless a reset is due anyhow. */
static enum pci_recovery_verdict give_up(struct pci_episode *ep)
{
	enum pci_recovery_verdict rest = PCI_NO_OPINION;
	struct pci_pe_fn *fn;
	bool others = false;

	for_each_fn(ep, fn) {
		if (fn->plan == PCI_FN_FAIL || fn->plan == PCI_FN_LEFT)
			continue;
		if (fn->verdict == PCI_GIVE_UP) {
			fn->plan = PCI_FN_FAIL;
		} else {
			others = true;
			rest = pci_verdict_merge(rest, fn->verdict);
		}
	}
	return others ? rest : PCI_GIVE_UP;
}

/*
 * Ask the drivers; the merged vote of the PE.  A function that left meanwhile
 * has no vote, unless it was the last.
 */
enum pci_recovery_verdict pci_recovery_notify(struct pci_episode *ep,
					      enum pci_step callback)
{
	enum pci_recovery_verdict merged = PCI_NO_OPINION;
	struct pci_pe_fn *fn;
	bool stay = false;

	if (callback == PCI_STEP_SLOT_RESET || callback == PCI_STEP_RESUME)
		pci_recovery_refrozen(ep);
	notice(ep, PCI_NOTICE_BEGIN, NULL, callback, PCI_ERS_RESULT_NONE);
	for_each_fn(ep, fn) {
		fn->verdict = notify_fn(ep, fn, callback);
		if (fn->verdict == PCI_STOP)
			fn->plan = PCI_FN_LEFT;
		if (fn->plan == PCI_FN_LEFT)
			continue;
		stay = true;
		if (callback == PCI_STEP_ERROR_DETECTED)
			plan_fn(ep, fn);
		merged = pci_verdict_merge(merged, fn->verdict);
	}
	notice(ep, PCI_NOTICE_END, NULL, callback, PCI_ERS_RESULT_NONE);
	if (!stay || pci_episode_over(ep))
		return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
	if (merged == PCI_GIVE_UP && callback != PCI_STEP_SLOT_RESET)
		return give_up(ep);
	return merged;
}

/* Tell those who failed that it is for good; true if there are any. */
bool pci_recovery_tell_failed(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;
	bool failed = false;

	for_each_fn(ep, fn) {
		if (fn->plan != PCI_FN_FAIL)
			continue;
		if (!failed) {
			/* The platform may have much to do then. */
			pci_watch_wait(ep, NULL);
			notice(ep, PCI_NOTICE_BEGIN, NULL,
			       PCI_STEP_PERM_FAILURE, PCI_ERS_RESULT_NONE);
			pci_watch_end(ep);
		}
		failed = true;
		fn->given_up = true;
		pci_dev_set_io_state(fn->pdev, pci_channel_io_perm_failure);
		pci_gate_publish(fn->pdev, pci_channel_io_perm_failure);
		if (!fn->driver || fn->unbound || pci_fn_lock(ep, fn))
			continue;
		call_driver(ep, fn, PCI_STEP_PERM_FAILURE);
		pci_fn_unlock(ep, fn);
	}
	if (failed)
		notice(ep, PCI_NOTICE_END, NULL, PCI_STEP_PERM_FAILURE,
		       PCI_ERS_RESULT_NONE);
	return failed;
}
