/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI error recovery: what the files of the core share.
 */
#ifndef _PCI_RECOVERY_H
#define _PCI_RECOVERY_H

#include <linux/ktime.h>
#include <linux/pci-recovery.h>
#include <linux/rcupdate.h>

#include "../pci.h"
#include "gate.h"

/* Rounds of reset in one episode. */
#define PCI_RECOVERY_RESETS	3

/* Bits of pci_pe.flags: set by anyone, taken by the PE's worker. */
enum {
	PE_REPORTED,	/* an error was reported */
	PE_RESCUED,	/* the watchdog thawed the PE; it needs a reset */
	PE_PERMANENT,	/* the platform says: beyond recovery */
	PE_REQUESTED,	/* an operator asked for an episode */
	PE_RELEASE,	/* the function is leaving: take its driver off it */
	PE_ABSORBED,	/* an episode of a PE above deals, or dealt, with it */
	PE_THAWED,	/* somebody else may have thawed it */
	PE_EXPELLED,	/* the notify window closed while it is inside */
	PE_DOUBTED,	/* a driver says that it is dead; it needs a reset */
	PE_ERRED,	/* the platform says that it has an error */
};

/**
 * enum pci_recovery_verdict - what a vote, or a step, means for the PE
 * @PCI_NO_OPINION: nothing
 * @PCI_GO_ON: no reset needed so far
 * @PCI_GIVE_UP: hopeless, say those who were asked
 * @PCI_RESET: reset it; outvotes everything else
 * @PCI_STOP: the functions left, or they are not ours: end the episode quietly
 *
 * In the order of their rank: merging is taking the greatest.
 */
enum pci_recovery_verdict {
	PCI_NO_OPINION,
	PCI_GO_ON,
	PCI_GIVE_UP,
	PCI_RESET,
	PCI_STOP,
};

/**
 * enum pci_fn_plan - what the episode means to do with a function
 * @PCI_FN_RIDE: nothing but reset and restore, no driver is bound
 * @PCI_FN_KEEP: its driver has handlers and stays bound
 * @PCI_FN_REBIND: its driver is unbound, and bound again after the reset
 * @PCI_FN_FAIL: its driver gave it up
 * @PCI_FN_LEFT: it was removed during the episode
 */
enum pci_fn_plan {
	PCI_FN_RIDE,
	PCI_FN_KEEP,
	PCI_FN_REBIND,
	PCI_FN_FAIL,
	PCI_FN_LEFT,
};

/**
 * struct pci_fn_id - which device it is, as config space says
 * @device: vendor and device id
 * @class: class code and revision
 * @subsystem: subsystem ids; of a bridge, something else
 * @serial: device serial number, or 0
 */
struct pci_fn_id {
	u32 device;
	u32 class;
	u32 subsystem;
	u64 serial;
};

/**
 * struct pci_pe_fn - a PCI function in a PE
 * @ref: one for being in @pe, one for each episode that deals with it
 * @pe: never changes
 * @pdev: referenced
 * @node: in pci_pe.fns; RCU
 * @hash: to find it by @pdev; RCU
 * @release: drops the reference of the PE after a grace period
 * @stash: config space as it was before any driver touched it; written once,
 *	before the first driver binds, or by the worker if none ever did
 * @id: what it was when it was added
 * @left: the function is not in @pe any more
 * @step: in pci_episode.fns; this and all below is the worker's
 * @driver: bound when the episode began, or NULL
 * @driver_name: of @driver, kept for the trace
 * @pinned: a reference to the module of @driver is held
 * @unbound: an episode took the driver off the function and did not bind it
 * @barred: the episode keeps drivers from binding
 * @dirty: an episode that did not end as it should has reset it, or a driver
 *	was told that it is over: it needs a reset
 * @refused: in the hands of somebody else, so that no uevent is about it
 * @announced: user space was told of the beginning, and not of the end
 * @given_up: its driver was told that it is over, and expects no callback
 * @plan: see enum pci_fn_plan
 * @verdict: what it last voted
 */
struct pci_pe_fn {
	struct kref ref;
	struct pci_pe *pe;
	struct pci_dev *pdev;
	struct list_head node;
	struct hlist_node hash;
	struct rcu_work release;
	struct pci_saved_state *stash;
	struct pci_fn_id id;
	bool left;

	struct list_head step;
	struct pci_driver *driver;
	char driver_name[32];
	bool pinned;
	bool unbound;
	bool barred;
	bool dirty;
	bool refused;
	bool announced;
	bool given_up;
	enum pci_fn_plan plan;
	enum pci_recovery_verdict verdict;
};

/**
 * struct pci_episode - one recovery of one PE, from report to outcome
 * @pe: which
 * @id: unique since boot, carried by every trace event
 * @fns: the functions of @pe when it began, by pci_pe_fn.step
 * @begin: when
 * @reported: an error led here
 * @requested: an operator asked for it, so that it is not held against the PE
 * @permanent: the platform says that there is nothing to recover
 * @doubted: a driver says that the PE is dead, whatever the platform says
 * @doubt: who says so, if the platform says nothing, or NULL
 * @release: the functions are leaving, take the drivers off them
 * @retry: the drivers are not asked: they were told that it is over, or gave up
 *	where an operator does not
 * @repeat: the drivers had not ended what they do after an error when another
 *	came: one that gives up now may still do when it is bound anew
 * @announced: the beginning was announced to user space
 * @in_window: among those in the notify window; protected by the window's lock
 * @resets: done so far
 * @depth: of the next reset
 * @rung: the highest rung that was climbed
 * @outcome: how the episode ends if it is stopped
 */
struct pci_episode {
	struct pci_pe *pe;
	u32 id;
	struct list_head fns;
	ktime_t begin;
	bool reported;
	bool requested;
	bool permanent;
	bool doubted;
	const char *doubt;
	bool release;
	bool retry;
	bool repeat;
	bool announced;
	struct list_head in_window;
	unsigned int resets;
	enum pci_pe_reset depth;
	enum pci_recovery_rung rung;
	enum pci_recovery_outcome outcome;
};

/*
 * May drivers bind to @pdev?  Returns what was so before.  Linux before
 * 7.0 has a member for it, later ones a flag.
 */
static inline bool pci_allow_binding(struct pci_dev *pdev, bool allow)
{
#ifdef PCI_DEV_ALLOW_BINDING
	bool old = test_bit(PCI_DEV_ALLOW_BINDING, &pdev->priv_flags);

	assign_bit(PCI_DEV_ALLOW_BINDING, &pdev->priv_flags, allow);
#else
	/* Who tries to bind a driver reads it without a lock. */
	bool old = data_race(pdev->match_driver);

	/* Nor does that need one to see what is written. */
	data_race(pdev->match_driver = allow);
#endif
	return old;
}

#define for_each_fn(ep, fn)	list_for_each_entry(fn, &(ep)->fns, step)

/* Limits; module parameters, see core.c. */
extern unsigned int pci_recovery_max_freezes;
extern unsigned int pci_recovery_callback_ms;
extern unsigned int pci_recovery_rescue_ms;
extern unsigned int pci_recovery_window_ms;

/* pe.c: which functions are in which PE */
struct pci_pe *pci_pe_find_rcu(struct pci_dev *pdev);
struct pci_pe_fn *pci_fn_find(struct pci_dev *pdev);
void pci_fn_get(struct pci_pe_fn *fn);
void pci_fn_put(struct pci_pe_fn *fn);
int pci_pe_for_each(int (*visit)(struct pci_pe *pe, void *data), void *data);

static inline bool pci_pe_dead(struct pci_pe *pe)
{
	return pci_pe_state(pe) == PCI_PE_DEAD;
}

/*
 * Are the functions of @ep gone, or an episode of a PE above to deal with them?
 * Another function may have come in their place by now.
 */
static inline bool pci_episode_over(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;

	if (pci_pe_dead(ep->pe) || READ_ONCE(ep->pe->above))
		return true;
	for_each_fn(ep, fn) {
		if (!READ_ONCE(fn->left))
			return false;
	}
	return true;
}

/* tree.c: PEs above and below, and what is true of all of them */
extern spinlock_t pci_tree_lock;
bool pci_pe_move(struct pci_pe *pe, enum pci_pe_state to);
bool pci_tree_move(struct pci_pe *root, enum pci_pe_state to);
void pci_pe_publish(struct pci_pe *root, pci_channel_state_t channel);
void pci_pe_publish_error(struct pci_pe *root);
void pci_pe_withdraw(struct pci_pe *root);
void pci_tree_reports(struct pci_pe *root);
bool pci_pe_flagged(struct pci_pe *root, int flag);
void pci_tree_claim(struct pci_pe *root);
void pci_tree_wait(struct pci_episode *ep);
void pci_tree_release(struct pci_pe *root);

/* @pe is @root and each below it.  Under RCU. */
#define for_each_pe(pe, root) \
	for (pe = (root); pe; pe = pci_pe_next(pe, root))

/* event.c: from a report to an episode, and its end */
bool pci_recovery_take(struct pci_pe *pe, struct pci_episode *ep, bool first);
void pci_recovery_done(struct pci_episode *ep,
		       enum pci_recovery_outcome outcome);

/* core.c: the sequence */
enum pci_recovery_verdict pci_recovery_stop(struct pci_episode *ep,
					    enum pci_recovery_outcome outcome);
void pci_recovery_work(struct work_struct *work);
int pci_recovery_init_queues(void);
void pci_recovery_queue(struct pci_pe *pe);
extern struct workqueue_struct *pci_recovery_aux_wq;
extern const char * const pci_pe_states[PCI_PE_NR_STATES];
extern const char * const pci_recovery_outcomes[PCI_RECOVERY_NR_OUTCOMES];
extern const char * const pci_recovery_rungs[PCI_RUNG_NR];

/* vote.c: what callbacks return, and what that means */
enum pci_recovery_verdict pci_vote_verdict(enum pci_step callback,
					   pci_ers_result_t vote);

static inline enum pci_recovery_verdict
pci_verdict_merge(enum pci_recovery_verdict a, enum pci_recovery_verdict b)
{
	return max(a, b);
}

/* window.c: the rescan/remove lock, shared by all who notify */
int pci_window_init(void);
void pci_window_enter(struct pci_episode *ep);
void pci_window_leave(struct pci_episode *ep);

/* watch.c: the step under way, its trace event, its deadline */
void pci_watch_init(struct pci_recovery_watch *watch);
void pci_watch_wait(struct pci_episode *ep, struct pci_pe_fn *fn);
void pci_watch_end(struct pci_episode *ep);
void pci_watch_stop(struct pci_episode *ep);
bool pci_watch_stalled(struct pci_pe *pe, char *buf, size_t size);
ktime_t pci_step_begin(struct pci_episode *ep, struct pci_pe_fn *fn,
		       enum pci_step step);
int pci_step_end(struct pci_episode *ep, struct pci_pe_fn *fn,
		 enum pci_step step, ktime_t begin, int result);

/* freeze.c: isolate, and thaw again without a reset */
int pci_recovery_locked(struct pci_episode *ep, enum pci_step step,
			int (*op)(struct pci_episode *ep));
enum pci_recovery_verdict pci_recovery_freeze(struct pci_episode *ep);
enum pci_recovery_verdict pci_recovery_isolate(struct pci_episode *ep);
enum pci_recovery_verdict
pci_recovery_diagnose(struct pci_episode *ep, enum pci_recovery_verdict verdict);
enum pci_recovery_verdict pci_recovery_thaw(struct pci_episode *ep);
int pci_recovery_revive(struct pci_episode *ep);
bool pci_recovery_refrozen(struct pci_episode *ep);

/* notify.c: the drivers */
int pci_fn_lock(struct pci_episode *ep, struct pci_pe_fn *fn);
void pci_fn_unlock(struct pci_episode *ep, struct pci_pe_fn *fn);
bool pci_recovery_tell_failed(struct pci_episode *ep);
enum pci_recovery_verdict pci_recovery_survey(struct pci_episode *ep);
enum pci_recovery_verdict pci_recovery_notify(struct pci_episode *ep,
					      enum pci_step callback);

/* reset.c: reset, restore, slot_reset; deeper if need be */
enum pci_recovery_verdict pci_recovery_reset(struct pci_episode *ep);
int pci_recovery_reset_pe(struct pci_episode *ep);
void pci_recovery_renewed(struct pci_episode *ep);

/* rebind.c: for drivers without handlers */
int pci_recovery_unbind(struct pci_episode *ep);
enum pci_recovery_verdict pci_recovery_bind(struct pci_episode *ep);
void pci_recovery_release_fns(struct pci_episode *ep);
enum pci_fn_plan pci_fn_fallback(struct pci_pe_fn *fn);
void pci_fn_bar(struct pci_pe_fn *fn, bool bar);
void pci_fn_pin(struct pci_pe_fn *fn);
void pci_fn_unpin(struct pci_pe_fn *fn);
void pci_fn_changed(struct pci_pe_fn *fn);

/* stash.c: config space as it was before any driver */
void pci_stash_take(struct pci_pe_fn *fn);
void pci_fn_identify(struct pci_dev *pdev, struct pci_fn_id *id);
int pci_stash_check(struct pci_pe_fn *fn);
int pci_stash_restore(struct pci_pe_fn *fn);
void pci_running_restore(struct pci_pe_fn *fn);

/* sysfs.c */
extern const struct attribute_group pci_recovery_group;

#endif /* _PCI_RECOVERY_H */
