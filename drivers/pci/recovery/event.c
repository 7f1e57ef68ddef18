// SPDX-License-Identifier: GPL-2.0
/*
 * From a report to an episode, and from its end to those who wait for it.
 *
 * Reporting publishes first and takes no lock that a driver can hold: the
 * channel state, the PE's state word and its waiters know of the error before
 * the worker runs.  It allocates nothing, so no report is lost, and sets bits,
 * so a storm of reports costs one bit:
 *
 *	no episode runs	an episode
 *	one runs	one more after it, but only if the hardware is not well
 *			by then: a report of the freeze that the episode just
 *			dealt with is not a new error
 */

#define pr_fmt(fmt) "pci_recovery: " fmt

#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/wait_bit.h>
#include <trace/events/pci_recovery.h>

#include "recovery.h"

/* An operator waits this long for an episode that neither ends nor stalls. */
#define RUN_LIMIT	(120 * HZ)

static atomic_t last_id = ATOMIC_INIT(0);

/**
 * pci_recovery_report - an error froze a PE
 * @pe: the PE
 * @report: what is known of it
 *
 * Publishes that the PE is frozen and leaves the rest to its worker.
 *
 * Context: Any.  Takes no lock but those of a waitqueue and the workqueue.
 * Return: true if the report leads to an episode or joins one that runs, false
 * if the PE is gone or was given up before.
 */
bool pci_recovery_report(struct pci_pe *pe, enum pci_report report)
{
	int old = pci_pe_state(pe);

	if (old == PCI_PE_FAILED || old == PCI_PE_DEAD)
		return false;
	if (report == PCI_REPORT_PERMANENT)
		set_bit(PE_PERMANENT, &pe->flags);
	if (report == PCI_REPORT_HEALTH || report == PCI_REPORT_DRIVER) {
		WRITE_ONCE(pe->doubt, report == PCI_REPORT_HEALTH ? "health" :
								    "driver");
		set_bit(PE_DOUBTED, &pe->flags);
	} else {
		set_bit(PE_ERRED, &pe->flags);
	}
	set_bit(PE_REPORTED, &pe->flags);
	/* Before the state: resume() looks at them in the other order. */
	smp_mb__after_atomic();

	if (report != PCI_REPORT_UNSURE)
		pci_pe_publish_error(pe);
	pci_recovery_queue(pe);
	return true;
}
EXPORT_SYMBOL_GPL(pci_recovery_report);

/**
 * pci_pe_busy - is anything the matter with a PE?
 * @pe: the PE
 *
 * Context: Any.
 * Return: true if it has an error that is not dealt with, an episode is
 * running, or it was given up.
 */
bool pci_pe_busy(struct pci_pe *pe)
{
	return READ_ONCE(pe->running) || pci_pe_state(pe) != PCI_PE_LIVE;
}

/**
 * pci_recovery_gone - the functions of a PE are gone, or about to be
 * @pe: the PE
 * @surprise: they cannot be reached any more
 *
 * An episode under way gives up at its next step.  The state is terminal until
 * another device takes the place.
 *
 * Context: Any.  Takes no lock but that of a waitqueue.
 */
void pci_recovery_gone(struct pci_pe *pe, bool surprise)
{
	pci_tree_move(pe, PCI_PE_DEAD);
	if (surprise)
		pci_pe_publish(pe, pci_channel_io_perm_failure);
	else
		pci_gate_leaving(pe);
}
EXPORT_SYMBOL_GPL(pci_recovery_gone);

static bool released(struct pci_pe *pe)
{
	/* take() moves from the one to the other under the lock. */
	guard(spinlock_irq)(&pe->lock);
	return !test_bit(PE_RELEASE, &pe->flags) && !READ_ONCE(pe->running);
}

/**
 * pci_recovery_release - take the drivers off a PE that is gone
 * @pe: the PE; nothing is done if pci_recovery_gone() was not called for it
 *
 * Waits for an episode to end, then unbinds the drivers without the
 * rescan/remove lock, so that a remove() which hangs, hangs alone.
 *
 * Context: Process context, no locks held.  Sleeps as long as a driver's
 * remove() does.
 */
void pci_recovery_release(struct pci_pe *pe)
{
	if (!pci_pe_dead(pe))
		return;
	set_bit(PE_RELEASE, &pe->flags);
	pci_recovery_queue(pe);
	wait_var_event(&pe->episodes, released(pe));
}
EXPORT_SYMBOL_GPL(pci_recovery_release);

/*
 * Run or join one episode; -EAGAIN if one of a PE above went on with it, or if the
 * one that was joined says nothing about one that is asked for.
 */
static int run_once(struct pci_pe *pe, unsigned long limit)
{
	bool joined;
	u32 seq;

	spin_lock_irq(&pci_tree_lock);
	pe = pe->above ?: pe;
	spin_lock(&pe->lock);
	seq = pe->episodes;
	joined = pe->running;
	if (!joined)
		set_bit(PE_REQUESTED, &pe->flags);
	spin_unlock(&pe->lock);
	spin_unlock_irq(&pci_tree_lock);
	pci_recovery_queue(pe);

	while (!wait_var_event_timeout(&pe->episodes,
				       READ_ONCE(pe->episodes) != seq ||
				       READ_ONCE(pe->watch.overran), HZ)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, limit))
			return -ETIMEDOUT;
	}
	guard(spinlock_irq)(&pe->lock);
	if (pe->episodes == seq)
		return -ETIMEDOUT;
	switch (pe->outcome) {
	case PCI_RECOVERY_RECOVERED:
		return 0;
	case PCI_RECOVERY_GONE:
		return -ENODEV;
	case PCI_RECOVERY_REFUSED:
	case PCI_RECOVERY_STALE:
		/* That was about a report. */
		return joined ? -EAGAIN : -EBUSY;
	case PCI_RECOVERY_ABSORBED:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

/**
 * pci_recovery_run - recover a PE now
 * @pe: the PE
 *
 * Runs an episode, or joins the one that is running or about to, and waits for
 * its end.  It need not have failed before.
 *
 * Context: Process context, no locks held.  Waits until the episode ends or
 * stalls.
 * Return: 0 when the PE works, -EBUSY if it is not ours to recover, -ENODEV if it is gone, -EIO if
 * recovery failed, -ETIMEDOUT if a driver is stuck (the episode goes on when it
 * returns) or after two minutes, -EINTR if the caller was killed.
 */
int pci_recovery_run(struct pci_pe *pe)
{
	unsigned long limit = jiffies + RUN_LIMIT;
	int ret;

	do {
		ret = run_once(pe, limit);
	} while (ret == -EAGAIN);
	return ret;
}
EXPORT_SYMBOL_GPL(pci_recovery_run);

/*
 * Is a report that came during the last episode a new error?  Not if the
 * hardware is well, unless the watchdog made it so, or a driver says since the
 * last reset that it is not.
 */
static bool again(struct pci_pe *pe)
{
	bool rescued = test_bit(PE_RESCUED, &pe->flags);
	bool reported = test_and_clear_bit(PE_REPORTED, &pe->flags);
	bool doubted = test_bit(PE_DOUBTED, &pe->flags);
	struct pci_dev *pdev = pci_pe_get_dev(pe); /* after that */
	bool news = false;

	if ((reported || rescued) && pdev) {
		news = rescued || doubted || test_bit(PE_PERMANENT, &pe->flags) ||
		       pe->ops->state(pe) != PCI_PE_HW_NORMAL;
		if (!news) {
			clear_bit(PE_ERRED, &pe->flags);
			pci_pe_withdraw(pe);
			pci_pe_open(pe);
			if (pe->ops->withdraw)
				pe->ops->withdraw(pe);
		}
	}
	/* Nobody is left whose error it could be, nor who has asked. */
	if (reported && !pdev) {
		clear_bit(PE_ERRED, &pe->flags);
		clear_bit(PE_DOUBTED, &pe->flags);
		clear_bit(PE_PERMANENT, &pe->flags);
		if (pe->ops->withdraw)
			pe->ops->withdraw(pe);
	}
	pci_dev_put(pdev);
	return news && pci_pe_state(pe) != PCI_PE_FAILED;
}

/**
 * pci_recovery_thawed - somebody else may have thawed a PE
 * @pe: the PE
 *
 * Such as who passes it to a guest, after an error that was not the core's to
 * deal with.  The PE's worker looks; if an episode is running nothing is done.
 *
 * Context: Any.
 */
void pci_recovery_thawed(struct pci_pe *pe)
{
	if (pci_pe_state(pe) != PCI_PE_FROZEN || READ_ONCE(pe->running))
		return;
	set_bit(PE_THAWED, &pe->flags);
	pci_recovery_queue(pe);
}
EXPORT_SYMBOL_GPL(pci_recovery_thawed);

/* There is no episode, and none begins, as we are in the PE's worker. */
static void look_if_thawed(struct pci_pe *pe)
{
	struct pci_dev *pdev;

	if (!test_and_clear_bit(PE_THAWED, &pe->flags) ||
	    pci_pe_state(pe) != PCI_PE_FROZEN)
		return;
	pdev = pci_pe_get_dev(pe);
	if (pdev && pe->ops->state(pe) == PCI_PE_HW_NORMAL) {
		pci_pe_withdraw(pe);
		pci_pe_open(pe);
	}
	pci_dev_put(pdev);
}

static const char *episode_cause(struct pci_episode *ep)
{
	if (ep->release)
		return "release";
	if (ep->permanent)
		return "permanent";
	if (ep->requested)
		return "operator";
	if (ep->doubt)
		return ep->doubt;
	return ep->repeat ? "again" : "error";
}

/* Take up what was reported and asked for; false if nothing was. */
static bool begin(struct pci_pe *pe, struct pci_episode *ep, bool first,
		  bool repeat)
{
	lockdep_assert_held(&pci_tree_lock);

	guard(spinlock)(&pe->lock);
	clear_bit(PE_RESCUED, &pe->flags); /* again() has looked */
	if (first)
		ep->reported = test_and_clear_bit(PE_REPORTED, &pe->flags);
	else
		ep->reported = repeat;
	ep->requested = test_and_clear_bit(PE_REQUESTED, &pe->flags);
	/* A report that came when the drivers were about to be told. */
	if (!ep->requested && pci_pe_state(pe) == PCI_PE_FAILED) {
		clear_bit(PE_DOUBTED, &pe->flags);
		ep->reported = false;
	}
	/* As much as the report that it came with. */
	ep->permanent = test_and_clear_bit(PE_PERMANENT, &pe->flags) &&
			ep->reported;
	/* It was set before that. */
	ep->doubted = ep->reported &&
		      test_and_clear_bit(PE_DOUBTED, &pe->flags);
	/* A driver often sees a platform's error first. */
	ep->doubt = !test_and_clear_bit(PE_ERRED, &pe->flags) && ep->doubted ?
		    READ_ONCE(pe->doubt) : NULL;
	ep->release = test_and_clear_bit(PE_RELEASE, &pe->flags);
	if (!ep->reported && !ep->requested && !ep->release)
		return false;
	WRITE_ONCE(pe->running, true);
	return true;
}

/* The functions of the PE and of those below it, each with a reference. */
static void gather(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, ep->pe) {
		guard(spinlock_irq)(&pe->lock);
		list_for_each_entry(fn, &pe->fns, node) {
			pci_fn_get(fn);
			list_add_tail(&fn->step, &ep->fns);
		}
	}
}

/*
 * What to do next, if anything: fill @ep.  Nothing while an episode of a PE
 * above runs, which looks after that itself.
 * @first: no episode has just ended.
 */
bool pci_recovery_take(struct pci_pe *pe, struct pci_episode *ep, bool first)
{
	struct pci_dev *pdev;
	bool repeat;

	if (READ_ONCE(pe->above))
		return false;
	look_if_thawed(pe);
	/* One that was absorbed has just ended, as it were. */
	if (test_and_clear_bit(PE_ABSORBED, &pe->flags))
		first = false;
	repeat = !first && again(pe);
	memset(ep, 0, sizeof(*ep));
	ep->pe = pe;
	INIT_LIST_HEAD(&ep->fns);

	scoped_guard(spinlock_irq, &pci_tree_lock) {
		if (pe->above) {
			/* These were cleared when the other had not begun. */
			set_bit(PE_ABSORBED, &pe->flags);
			if (repeat)
				set_bit(PE_REPORTED, &pe->flags);
			return false;
		}
		if (!begin(pe, ep, first, repeat))
			return false;
		pci_tree_claim(pe);
	}
	ep->repeat = repeat;
	ep->id = atomic_inc_return(&last_id);
	ep->begin = ktime_get();
	pdev = pci_pe_get_dev(pe);
	trace_pci_recovery_begin(ep->id, pdev ? pci_name(pdev) : "n/a",
				 pe->name, episode_cause(ep));
	if (ep->doubt)
		pr_warn("%s: recovery %u: no error of the platform's so far, cause is %s\n",
			pe->name, ep->id, ep->doubt);
	pci_dev_put(pdev);
	pci_tree_wait(ep);
	gather(ep);
	return true;
}

/*
 * The one uevent of an episode's end, for each function that is still there and
 * whose beginning was announced.
 */
static void announce(struct pci_episode *ep, enum pci_recovery_outcome outcome)
{
	bool over = outcome > PCI_RECOVERY_FAILED &&
		    outcome != PCI_RECOVERY_STALE;
	struct pci_pe_fn *fn;
	struct pci_dev *pdev;
	bool told = false;

	/* The episode of the PE above will tell. */
	if (outcome == PCI_RECOVERY_ABSORBED)
		return;
	for_each_fn(ep, fn) {
		pci_ers_result_t result = PCI_ERS_RESULT_RECOVERED;

		if (!fn->announced)
			continue;
		fn->announced = false;
		if (over || fn->plan == PCI_FN_FAIL ||
		    fn->plan == PCI_FN_LEFT)
			result = PCI_ERS_RESULT_DISCONNECT;
		if (pci_dev_is_added(fn->pdev))
			pci_uevent_ers(fn->pdev, result);
		told |= pci_dev_is_added(fn->pdev);
	}
	if (ep->rung != PCI_RUNG_RESCAN || told)
		return;
	/* All of them were removed, and who is there now came after that. */
	pdev = pci_pe_get_dev(ep->pe);
	if (pdev)
		pci_uevent_ers(pdev, over ? PCI_ERS_RESULT_DISCONNECT :
					    PCI_ERS_RESULT_RECOVERED);
	pci_dev_put(pdev);
}

static void log_end(struct pci_episode *ep, struct pci_dev *pdev,
		    enum pci_recovery_outcome outcome, u64 us)
{
	const char *what = pci_recovery_outcomes[outcome];
	const char *rung = pci_recovery_rungs[ep->rung];

	if (!pdev)
		pr_info("%s: recovery %u: %s\n", ep->pe->name, ep->id, what);
	else if (outcome == PCI_RECOVERY_RECOVERED)
		pci_info(pdev, "recovery %u: %s by %s in %llu us\n", ep->id,
			 what, rung, us);
	else if (outcome == PCI_RECOVERY_FAILED)
		pci_err(pdev, "recovery %u: %s at %s after %llu us\n", ep->id,
			what, rung, us);
	else
		pci_info(pdev, "recovery %u: %s after %llu us\n", ep->id, what, us);
}

/* Whoever goes on, or tries again, brings the driver back. */
static void let_go(struct pci_episode *ep, struct pci_pe_fn *fn,
		   enum pci_recovery_outcome outcome)
{
	if (outcome == PCI_RECOVERY_ABSORBED) {
		fn->dirty |= ep->resets > 0;
	} else if (ep->announced && outcome != PCI_RECOVERY_FAILED) {
		fn->dirty = false;
		fn->unbound = false;
		fn->given_up = false;
	}
}

/* Say, once each, how it ended, and let go of everything. */
void pci_recovery_done(struct pci_episode *ep,
		       enum pci_recovery_outcome outcome)
{
	u64 us = ktime_us_delta(ktime_get(), ep->begin);
	struct pci_pe *pe = ep->pe;
	struct pci_pe_fn *fn, *next;
	struct pci_dev *pdev;

	pci_watch_stop(ep);
	fn = list_first_entry_or_null(&ep->fns, struct pci_pe_fn, step);
	pdev = fn ? fn->pdev : NULL;
	trace_pci_recovery_end(ep->id, pdev ? pci_name(pdev) : "n/a", outcome,
			       ep->rung, us);
	announce(ep, outcome);
	pe->ops->report(pe, pdev, outcome);
	log_end(ep, pdev, outcome, us);

	list_for_each_entry_safe(fn, next, &ep->fns, step) {
		list_del(&fn->step);
		pci_fn_unpin(fn);
		pci_fn_bar(fn, false);
		let_go(ep, fn, outcome);
		pci_fn_put(fn);
	}

	spin_lock_irq(&pci_tree_lock);
	spin_lock(&pe->lock);
	/* The one above may find nothing to do; then the hardware is asked. */
	if (outcome == PCI_RECOVERY_ABSORBED && ep->reported)
		set_bit(PE_REPORTED, &pe->flags);
	if (outcome == PCI_RECOVERY_ABSORBED && ep->reported && !ep->doubt)
		set_bit(PE_ERRED, &pe->flags);
	if (outcome == PCI_RECOVERY_ABSORBED && ep->permanent)
		set_bit(PE_PERMANENT, &pe->flags);
	if (outcome == PCI_RECOVERY_ABSORBED && ep->doubted)
		set_bit(PE_DOUBTED, &pe->flags);
	pe->outcome = outcome;
	pe->rung = ep->rung;
	pe->duration_us = us;
	pe->failures += outcome == PCI_RECOVERY_FAILED;
	/* A success that an operator asked for is a new beginning. */
	if (ep->requested && outcome == PCI_RECOVERY_RECOVERED)
		pe->freezes = 0;
	WRITE_ONCE(pe->episodes, pe->episodes + 1);
	WRITE_ONCE(pe->running, false);
	spin_unlock(&pe->lock);
	pci_tree_release(pe);
	spin_unlock_irq(&pci_tree_lock);
	smp_mb(); /* wake_up_var() looks for waiters without a lock */
	wake_up_var(&pe->episodes);
}
