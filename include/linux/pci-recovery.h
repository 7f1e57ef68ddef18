/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI error recovery: what a platform gives the core, and what it may call.
 *
 * A platform (zPCI, EEH) tells the core which partitionable endpoint (PE) a
 * PCI function belongs to, how to freeze, thaw and reset that PE, and reports
 * errors.  Everything else, which driver is told what and when, is the core's.
 * See Documentation/PCI/pci-recovery.rst.
 */
#ifndef _LINUX_PCI_RECOVERY_H
#define _LINUX_PCI_RECOVERY_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct dentry;
struct device;
struct device_attribute;
struct pci_episode;
struct pci_pe_fn;
struct pci_watched;

/**
 * enum pci_pe_state - what the core knows of a PE
 * @PCI_PE_LIVE: no error that is not dealt with
 * @PCI_PE_FROZEN: an error was reported and is not dealt with
 * @PCI_PE_FAILED: given up: the drivers were told that it is for good, and only
 *	an operator may try again
 * @PCI_PE_DEAD: the function is gone; only another device in its place makes
 *	the PE live again
 * @PCI_PE_NR_STATES: number of states
 *
 * The word moves by compare-and-exchange only, except when a device comes into
 * an empty PE.  It is published before any lock is taken, so that a waiter
 * learns of an error while a stuck remove() holds every lock there is.
 */
enum pci_pe_state {
	PCI_PE_LIVE,
	PCI_PE_FROZEN,
	PCI_PE_FAILED,
	PCI_PE_DEAD,
	PCI_PE_NR_STATES
};

/**
 * enum pci_pe_hw_state - what the platform says of a PE
 * @PCI_PE_HW_NORMAL: MMIO and DMA are allowed
 * @PCI_PE_HW_FROZEN: MMIO is stopped, and so is DMA
 * @PCI_PE_HW_MMIO: MMIO is allowed, DMA is stopped
 * @PCI_PE_HW_DISABLED: there, but not usable before a reset
 * @PCI_PE_HW_GONE: not there
 */
enum pci_pe_hw_state {
	PCI_PE_HW_NORMAL,
	PCI_PE_HW_FROZEN,
	PCI_PE_HW_MMIO,
	PCI_PE_HW_DISABLED,
	PCI_PE_HW_GONE,
};

/**
 * enum pci_pe_reset - how deep a reset goes
 * @PCI_PE_RESET_HOT: the least that brings config space and device to their
 *	initial state
 * @PCI_PE_RESET_FUNDAMENTAL: the most the platform has: fundamental reset or
 *	power cycle
 */
enum pci_pe_reset {
	PCI_PE_RESET_HOT,
	PCI_PE_RESET_FUNDAMENTAL,
};

/**
 * enum pci_recovery_outcome - how an episode ended
 * @PCI_RECOVERY_NONE: there was no episode yet
 * @PCI_RECOVERY_RECOVERED: a rung of the ladder held for every function
 * @PCI_RECOVERY_FAILED: at least one function is permanently failed
 * @PCI_RECOVERY_GONE: the function was removed, or another device is there
 * @PCI_RECOVERY_REFUSED: not the core's to recover, or told not to
 * @PCI_RECOVERY_STALE: the report did not concern the function as it is now
 * @PCI_RECOVERY_ABSORBED: an episode of a PE above goes on with it
 * @PCI_RECOVERY_NR_OUTCOMES: number of outcomes
 */
enum pci_recovery_outcome {
	PCI_RECOVERY_NONE,
	PCI_RECOVERY_RECOVERED,
	PCI_RECOVERY_FAILED,
	PCI_RECOVERY_GONE,
	PCI_RECOVERY_REFUSED,
	PCI_RECOVERY_STALE,
	PCI_RECOVERY_ABSORBED,
	PCI_RECOVERY_NR_OUTCOMES
};

/**
 * enum pci_recovery_rung - the rungs of the ladder, in the order of climbing
 * @PCI_RUNG_NONE: nothing was tried
 * @PCI_RUNG_THAW: the drivers needed no reset
 * @PCI_RUNG_RESET: the PE was reset, the drivers stayed bound
 * @PCI_RUNG_REBIND: at least one driver was unbound, and bound after a reset
 * @PCI_RUNG_DEEP: it took a fundamental reset, whether drivers were rebound or
 *	not
 * @PCI_RUNG_RESCAN: the function was removed and scanned again
 * @PCI_RUNG_NR: number of rungs
 */
enum pci_recovery_rung {
	PCI_RUNG_NONE,
	PCI_RUNG_THAW,
	PCI_RUNG_RESET,
	PCI_RUNG_REBIND,
	PCI_RUNG_DEEP,
	PCI_RUNG_RESCAN,
	PCI_RUNG_NR
};

/**
 * enum pci_step - what an episode does
 * @PCI_STEP_FREEZE: make sure the PE is isolated
 * @PCI_STEP_ERROR_DETECTED: driver's callback
 * @PCI_STEP_DIAGNOSE: keep what the platform can tell of the error
 * @PCI_STEP_DRAIN: wait until nobody is inside the functions' gates, if there are
 *	any
 * @PCI_STEP_THAW_MMIO: allow MMIO
 * @PCI_STEP_MMIO_ENABLED: driver's callback
 * @PCI_STEP_THAW_DMA: allow DMA
 * @PCI_STEP_REVIVE: make MMIO answer so that remove() can end
 * @PCI_STEP_UNBIND: take a driver off its function
 * @PCI_STEP_RESET: hot reset
 * @PCI_STEP_DEEP_RESET: fundamental reset or power cycle
 * @PCI_STEP_RESTORE: bring config space back from the stash
 * @PCI_STEP_SLOT_RESET: driver's callback
 * @PCI_STEP_BIND: bind the driver again
 * @PCI_STEP_RESUME: driver's callback
 * @PCI_STEP_RESCAN: remove the function and scan it again
 * @PCI_STEP_PERM_FAILURE: tell the driver, by error_detected, that it is over
 * @PCI_STEP_STALL: something did not end within its time
 * @PCI_STEP_RESCUE: thaw a device that is frozen under somebody's feet
 * @PCI_STEP_NR: number of steps
 */
enum pci_step {
	PCI_STEP_FREEZE,
	PCI_STEP_ERROR_DETECTED,
	PCI_STEP_DIAGNOSE,
	PCI_STEP_DRAIN,
	PCI_STEP_THAW_MMIO,
	PCI_STEP_MMIO_ENABLED,
	PCI_STEP_THAW_DMA,
	PCI_STEP_REVIVE,
	PCI_STEP_UNBIND,
	PCI_STEP_RESET,
	PCI_STEP_DEEP_RESET,
	PCI_STEP_RESTORE,
	PCI_STEP_SLOT_RESET,
	PCI_STEP_BIND,
	PCI_STEP_RESUME,
	PCI_STEP_RESCAN,
	PCI_STEP_PERM_FAILURE,
	PCI_STEP_STALL,
	PCI_STEP_RESCUE,
	PCI_STEP_NR
};

struct pci_pe;

/**
 * enum pci_notice_kind - what a platform is told while the drivers are notified
 * @PCI_NOTICE_BEGIN: they are about to be asked
 * @PCI_NOTICE_SKIP: a function has no driver that is asked
 * @PCI_NOTICE_CALL: a driver is about to be called
 * @PCI_NOTICE_VOTE: it has answered, or it has no such callback
 * @PCI_NOTICE_END: all were asked
 */
enum pci_notice_kind {
	PCI_NOTICE_BEGIN,
	PCI_NOTICE_SKIP,
	PCI_NOTICE_CALL,
	PCI_NOTICE_VOTE,
	PCI_NOTICE_END,
};

/**
 * struct pci_notice - what a platform is told while the drivers are notified
 * @kind: see there
 * @callback: which of the callbacks; PCI_STEP_PERM_FAILURE is error_detected
 *	for those that are given up
 * @pdev: whom it is about; NULL at beginning and end
 * @driver: name of its driver, or NULL
 * @vote: with PCI_NOTICE_VOTE
 */
struct pci_notice {
	enum pci_notice_kind kind;
	enum pci_step callback;
	struct pci_dev *pdev;
	const char *driver;
	pci_ers_result_t vote;
};

/**
 * struct pci_pe_ops - what a platform does for the core
 *
 * Each operation is about one PE and all that are below it, and holds no policy:
 * it does what it is asked and says whether that worked.  Unless said otherwise
 * it is called from the PE's worker with @lock held, may sleep, and returns 0 or
 * a negative errno.  The functions that were in the PE when the episode began stay
 * referenced.
 *
 * @name: of the platform, for debugfs
 * @find: the PE that @pdev belongs to, or NULL if the platform does not manage
 *	@pdev, or not yet, see pci_recovery_add().  Called when @pdev is added,
 *	in whatever locks that is done; may allocate.  A PE is never freed: it
 *	outlives its functions as a slot outlives its cards.
 * @lock: take the platform's own lock over configuration changes of the PE.
 *	Outermost: taken before the rescan/remove lock.  Returns -ENODEV, and
 *	holds nothing, when the PE is not configured any more.
 * @unlock: drop it.
 * @freeze: make sure that the PE is isolated and that the report that led here
 *	concerns it.  Returns -ESTALE when it does not (the core then forgets
 *	the report), -EIO when the platform says that recovery is of no use, and
 *	-ENODEV when the PE is not there.
 * @thaw_mmio: allow MMIO, keep DMA stopped.  Is also called without @lock: from
 *	the watchdog, while a driver's callback or a reset runs, and before a
 *	driver is taken off a function that is leaving.
 * @thaw_dma: allow DMA.  Also called from the watchdog, without @lock.
 * @reset: reset the PE, return when config space answers.  Leaves MMIO and DMA
 *	allowed and gives DMA translation back as it was.
 * @state: what the hardware says now, of the worst of them.  Called without
 *	@lock, from any process context, while a function of the PE is
 *	referenced; must not wait for anything but the hardware.
 * @refuse: true if the PE is in the hands of someone else, such as a guest.
 *	Called without @lock, after @freeze, for the PE and each below it.
 * @rescan: remove the functions of the PE and scan them again, as a power
 *	cycle by hand would.  Called without @lock; takes it and the
 *	rescan/remove lock itself.
 * @report: tell the firmware how an episode ended.  Called without @lock, at
 *	the end of each.
 * @diagnose: keep what there is to be known of the error.  Called when the
 *	drivers know that the device is frozen, and before it is touched.  May
 *	wait for as long as the hardware needs to get there.  Returns -EIO when
 *	the platform finds that recovery is of no use.  Optional.
 * @notice: what the drivers are asked and answer.  Called without @lock; about
 *	a function that is there, under its device lock.  Optional.
 * @withdraw: a report turned out to be about no error that is left: take back
 *	what the platform has marked.  Called without @lock.  Optional.
 * @max_freezes: the platform's own limit of errors an hour, for PEs for which
 *	no other was set; optional
 * @check: a load from @pdev, which is in @pe, gave all-ones: is it isolated?
 *	Returns -EAGAIN if loads do not get through, -ENODEV if @pdev is gone, and
 *	0 if neither, or if that cannot be told at once.  What is an error it
 *	reports, of the PE that is isolated, before it returns.  Called in any
 *	context but NMI, inside an RCU read-side section, without @lock: must not
 *	sleep.  Optional
 */
struct pci_pe_ops {
	const char *name;
	struct pci_pe *(*find)(struct pci_dev *pdev);
	int (*lock)(struct pci_pe *pe);
	void (*unlock)(struct pci_pe *pe);
	int (*freeze)(struct pci_pe *pe);
	int (*thaw_mmio)(struct pci_pe *pe);
	int (*thaw_dma)(struct pci_pe *pe);
	int (*reset)(struct pci_pe *pe, enum pci_pe_reset depth);
	enum pci_pe_hw_state (*state)(struct pci_pe *pe);
	bool (*refuse)(struct pci_pe *pe);
	int (*rescan)(struct pci_pe *pe);
	void (*report)(struct pci_pe *pe, struct pci_dev *pdev,
		       enum pci_recovery_outcome outcome);
	int (*diagnose)(struct pci_pe *pe);
	void (*notice)(struct pci_pe *pe, const struct pci_notice *notice);
	void (*withdraw)(struct pci_pe *pe);
	const u32 *max_freezes;
	int (*check)(struct pci_pe *pe, struct pci_dev *pdev);
};

/**
 * struct pci_recovery_watch - the step that a PE's worker is in, and its limit
 * @lock: protects all below
 * @work: looks after the step when it takes long
 * @ep: episode under way
 * @step: what the worker does, e.g. "->remove()", or NULL if nothing
 * @driver: whose code it runs, or ""
 * @since: when the step began, in jiffies
 * @what: how far the device may be frozen under the step
 * @rescue_after: jiffies after which one that is frozen further is thawed
 * @overran: the step is past its limit and was reported
 * @rescues: how often the step was rescued
 */
struct pci_recovery_watch {
	spinlock_t lock; /* all below */
	struct delayed_work work;
	struct pci_episode *ep;
	const char *step;
	char driver[32];
	unsigned long since;
	const struct pci_watched *what;
	unsigned long rescue_after;
	bool overran;
	unsigned int rescues;
};

/**
 * struct pci_pe - a partitionable endpoint
 *
 * Embedded in the platform's own structure and set up by pci_pe_init().  All
 * members belong to the core.
 *
 * @ops: the platform
 * @name: for the log, debugfs and trace events
 * @node: in the list of all PEs
 * @parent: the PE above, whose episodes are about this one as well, or NULL
 * @children: the PEs below; RCU
 * @sibling: in @children of @parent; RCU
 * @above: the PE above whose episode this one is part of at the moment, or NULL;
 *	changes under the tree's lock
 * @fns: its functions; RCU, changed under @lock
 * @lock: protects @fns and everything from @running to @duration_us, and the
 *	count of errors
 * @state: enum pci_pe_state
 * @flags: what was reported and is not taken up yet (PE_* in recovery.h)
 * @doubt: who said last that it is dead while the platform did not
 * @work: runs the episodes, one after the other
 * @running: an episode is running
 * @episodes: number of episodes that ended
 * @failures: number of episodes that ended in failure
 * @outcome: how the last one ended
 * @rung: how far it climbed
 * @duration_us: and how long it took, in microseconds
 * @auto_recover: recover by itself when an error is reported
 * @max_freezes: errors in an hour after which it is given up, unless the
 *	platform has a limit of its own
 * @limited: @max_freezes was set for this PE, and counts
 * @freezes: errors since @freezes_since
 * @freezes_since: in seconds since boot
 * @watch: the step under way and its deadline
 */
struct pci_pe {
	const struct pci_pe_ops *ops;
	char name[24];
	struct list_head node;
	struct pci_pe *parent;
	struct list_head children;
	struct list_head sibling;
	struct pci_pe *above;
	struct list_head fns;
	spinlock_t lock; /* see above */
	atomic_t state;
	unsigned long flags;
	const char *doubt;
	struct work_struct work;
	bool running;
	u32 episodes;
	u32 failures;
	enum pci_recovery_outcome outcome;
	enum pci_recovery_rung rung;
	u64 duration_us;
	bool auto_recover;
	u32 max_freezes;
	bool limited;
	u32 freezes;
	time64_t freezes_since;
	struct pci_recovery_watch watch;
};

/**
 * enum pci_report - who knows of an error, and how sure that is
 * @PCI_REPORT_ERROR: the PE is frozen; publish it at once
 * @PCI_REPORT_UNSURE: it may be; @freeze of struct pci_pe_ops will tell
 * @PCI_REPORT_PERMANENT: the PE is frozen and recovery is of no use
 * @PCI_REPORT_HEALTH: the platform knows of nothing, but a driver's health check
 *	failed; as an error
 * @PCI_REPORT_DRIVER: nor does it, but a driver asks for recovery; as an error
 */
enum pci_report {
	PCI_REPORT_ERROR,
	PCI_REPORT_UNSURE,
	PCI_REPORT_PERMANENT,
	PCI_REPORT_HEALTH,
	PCI_REPORT_DRIVER,
};

/**
 * struct pci_inject - a platform's way to make functions fail, for tests
 * @inject: make @pdev fail, in a way that was written after its name; returns
 *	0 or a negative errno
 * @file: the core's
 */
struct pci_inject {
	int (*inject)(struct pci_dev *pdev, const char *how);
	struct dentry *file;
};

/* What the core knows of @pe.  Any context. */
static inline enum pci_pe_state pci_pe_state(struct pci_pe *pe)
{
	return atomic_read_acquire(&pe->state);
}

/* There only with CONFIG_PCI_RECOVERY_INJECT. */
int pci_inject_register(struct pci_inject *inject);
void pci_inject_unregister(struct pci_inject *inject);

#ifdef CONFIG_PCI_RECOVERY
bool pci_recovery_enabled(void);
int pci_recovery_register(const struct pci_pe_ops *ops);
void pci_pe_init(struct pci_pe *pe, const struct pci_pe_ops *ops,
		 const char *fmt, ...) __printf(3, 4);
void pci_pe_set_parent(struct pci_pe *pe, struct pci_pe *parent);
struct pci_pe *pci_pe_next(struct pci_pe *pe, struct pci_pe *root);
struct pci_dev *pci_pe_dev_rcu(struct pci_pe *pe);
struct pci_dev *pci_pe_get_dev(struct pci_pe *pe);
bool pci_pe_busy(struct pci_pe *pe);
void pci_recovery_thawed(struct pci_pe *pe);
bool pci_pe_unused(struct pci_pe *pe);
u32 pci_pe_max_freezes(struct pci_pe *pe);
void pci_recovery_add(struct pci_dev *pdev);
bool pci_recovery_report(struct pci_pe *pe, enum pci_report report);
void pci_recovery_gone(struct pci_pe *pe, bool surprise);
void pci_recovery_release(struct pci_pe *pe);
int pci_recovery_run(struct pci_pe *pe);
ssize_t pci_recovery_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count);
#else
static inline bool pci_recovery_enabled(void)
{
	return false;
}

static inline ssize_t pci_recovery_store(struct device *dev,
					 struct device_attribute *attr,
					 const char *buf, size_t count)
{
	return -EOPNOTSUPP;
}
#endif /* CONFIG_PCI_RECOVERY */

#endif /* _LINUX_PCI_RECOVERY_H */
