/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate of a PCI device: who may use it, and until when.
 *
 * A driver enters the gate before it touches its device and exits when it is done.
 * Whoever takes the device away shuts the gate, wakes those who sleep inside, waits
 * until nobody is inside any more, and only then resets or frees.  See
 * Documentation/PCI/pci-gate.rst.
 */
#ifndef _LINUX_PCI_GATE_H
#define _LINUX_PCI_GATE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

struct pci_dev;

/**
 * enum pci_gate_state - what a gate lets in
 * @PCI_GATE_LIVE: everybody
 * @PCI_GATE_FROZEN: nobody, until it is thawed
 * @PCI_GATE_CLOSING: nobody any more: an unbind, the device may answer
 * @PCI_GATE_DEAD: nobody any more, and the device is gone or given up
 * @PCI_GATE_NR_STATES: number of states
 */
enum pci_gate_state {
	PCI_GATE_LIVE,
	PCI_GATE_FROZEN,
	PCI_GATE_CLOSING,
	PCI_GATE_DEAD,
	PCI_GATE_NR_STATES
};

#define PCI_GATE_STATE_MASK	3L /* of the address in pci_gate.state */

/* How many holds, and sections that may sleep, began and ended on one CPU. */
struct pci_gate_count {
	unsigned long in;
	unsigned long out;
};

/**
 * struct pci_gate - the gate of a PCI device
 *
 * Made by pcim_gate_create().  All members belong to the core.
 *
 * @state: @count and enum pci_gate_state; moves by compare-and-exchange only
 * @in: where to count who enters: @count, or nowhere while it is drained; under @lock
 * @count: who is inside, except in atomic sections
 * @epoch: how often it was thawed; under @list_lock
 * @closed: somebody closes it, or has; set once, under @lock
 * @released: and all that hung off it was released
 * @down: it is being drained, or is; under @lock
 * @disarmed: no cancel callback can be armed any more; under @list_lock
 * @list_lock: protects @epoch, @cancels and @canceller
 * @out: how many were out when the drain began to wait for @gp; under @lock
 * @gp: the drain's grace period; under @lock
 * @lock: protects @in, @down, @out, @gp, @stops, @actions and @nodes
 * @cancels: armed cancel callbacks
 * @canceller: runs one of them
 * @cancel: and which
 * @stops: actions before the drain
 * @actions: actions after it
 * @nodes: device files
 * @work: runs cancel callbacks; in the end, frees the gate
 * @alive: the driver's health check, or NULL; set once, under @lock
 * @alive_data: for @alive
 * @pdev: the device; referenced
 * @kref: one for the device's driver, one for each who called pci_gate_get()
 * @hash: to find it by @pdev; RCU
 * @rcu: to free it
 * @map: what lockdep knows of sections
 */
struct pci_gate {
	atomic_long_t state;
	struct pci_gate_count __percpu *in;
	struct pci_gate_count __percpu *count;
	u32 epoch;
	bool closed;
	bool released;
	bool down;
	bool disarmed;
	spinlock_t list_lock; /* see above */
	unsigned long out;
	unsigned long gp;
	struct mutex lock; /* see above */
	struct hlist_head cancels;
	struct task_struct *canceller;
	struct pci_gate_cancel *cancel;
	struct hlist_head stops;
	struct hlist_head actions;
	struct hlist_head nodes;
	struct work_struct work;
	bool (*alive)(void *data);
	void *alive_data;
	struct pci_dev *pdev;
	struct kref kref;
	struct hlist_node hash;
	struct rcu_head rcu;
	struct lockdep_map map; /* empty without lockdep */
};

/* gate_fault.c: is somebody turned away, as a test of his driver? */
bool __pci_gate_should_fail(struct pci_gate *gate);

static inline bool pci_gate_should_fail(struct pci_gate *gate)
{
	return IS_ENABLED(CONFIG_FAULT_INJECTION) && __pci_gate_should_fail(gate);
}

/* What lockdep knows of sections: a lock held for reading. */
static inline void pci_gate_dep_acquire(struct pci_gate *gate)
{
	lock_map_acquire_tryread(&gate->map);
}

static inline void pci_gate_dep_release(struct pci_gate *gate)
{
	lock_map_release(&gate->map);
}

/**
 * pci_gate_state - what does a gate let in at the moment?
 * @gate: the gate
 *
 * Context: Any.
 * Return: The state, which may be another one at once: outside of a section a hint.
 * What was written before a thaw can be read after this has returned PCI_GATE_LIVE.
 */
static inline enum pci_gate_state pci_gate_state(struct pci_gate *gate)
{
	return atomic_long_read_acquire(&gate->state) & PCI_GATE_STATE_MASK;
}

/**
 * pci_gate_epoch - how often was a gate thawed?
 * @gate: the gate
 *
 * Another number than in a section before: the device may have been reset.
 *
 * Context: Any.  Does not change inside a section, unless the gate is frozen and
 * thawed without having been drained: then the device was not reset.
 * Return: The number, modulo 2^32.
 */
static inline u32 pci_gate_epoch(struct pci_gate *gate)
{
	return READ_ONCE(gate->epoch);
}

/**
 * pci_gate_error - why does a gate not let in?
 * @gate: the gate
 *
 * Context: Any.  A hint, as pci_gate_state().
 * Return: 0 if it does, -EAGAIN if it is frozen, -ENODEV if it is closing or dead.
 */
static inline int pci_gate_error(struct pci_gate *gate)
{
	switch (pci_gate_state(gate)) {
	case PCI_GATE_LIVE:
		return 0;
	case PCI_GATE_FROZEN:
		return -EAGAIN;
	default:
		return -ENODEV;
	}
}

/**
 * pci_gate_enter_atomic - begin a section that does not sleep
 * @gate: the gate; referenced by the caller
 *
 * What is inside should take microseconds: it is an RCU read-side section.  Sections
 * nest in any way, but an inner one may fail when the outer did not.
 *
 * Context: Any in which RCU is watching.
 * Return: true, or false if the gate lets nobody in; see pci_gate_error().
 */
static inline bool __must_check pci_gate_enter_atomic(struct pci_gate *gate)
{
	rcu_read_lock();
	/*
	 * A drain moves the state before its grace period begins.  Who still
	 * reads LIVE here has begun before that, and is waited for.
	 */
	if (likely(pci_gate_state(gate) == PCI_GATE_LIVE) &&
	    !pci_gate_should_fail(gate)) {
		pci_gate_dep_acquire(gate);
		return true;
	}
	rcu_read_unlock();
	return false;
}

/**
 * pci_gate_exit_atomic - end what pci_gate_enter_atomic() began
 * @gate: the gate
 *
 * Context: That of pci_gate_enter_atomic().
 */
static inline void pci_gate_exit_atomic(struct pci_gate *gate)
{
	pci_gate_dep_release(gate);
	rcu_read_unlock();
}

/* Count somebody in.  True if he is let in, and was counted where a drain looks. */
static inline bool __pci_gate_count(struct pci_gate *gate,
				    struct pci_gate_count __percpu *count)
{
	this_cpu_inc(count->in);
	barrier(); /* no more is needed, see gate_drain.c */
	return atomic_long_read_acquire(&gate->state) == (__force long)count;
}

/* gate.c: count him out again, unless the gate lets in meanwhile. */
int __pci_gate_turn_away(struct pci_gate *gate,
			 struct pci_gate_count __percpu *count);

static inline int __pci_gate_hold(struct pci_gate *gate)
{
	struct pci_gate_count __percpu *count = READ_ONCE(gate->in);

	RCU_LOCKDEP_WARN(!rcu_is_watching(), "pci_gate: RCU is not watching");
	if (likely(__pci_gate_count(gate, count)))
		return 0;
	return __pci_gate_turn_away(gate, count);
}

/**
 * pci_gate_hold - keep a gate from being drained
 * @gate: the gate; referenced by the caller
 *
 * A section that no task owns: pci_gate_unhold() may come from an interrupt.  Who
 * holds without a limit should have a cancel callback, see pci_gate_cancel_add().
 *
 * Context: Any in which RCU is watching; never sleeps.
 * Return: 0, -EAGAIN if the gate is frozen, -ENODEV if it is closing or dead.
 */
static inline int __must_check pci_gate_hold(struct pci_gate *gate)
{
	return pci_gate_should_fail(gate) ? -EAGAIN : __pci_gate_hold(gate);
}

/**
 * pci_gate_hold_nested - hold a gate once more, whatever its state
 * @gate: the gate
 *
 * Context: Any, inside a section or with a hold.  Ended by pci_gate_unhold().
 */
static inline void pci_gate_hold_nested(struct pci_gate *gate)
{
	this_cpu_inc(gate->count->in);
}

/**
 * pci_gate_unhold - end a hold
 * @gate: the gate
 *
 * Context: Any but NMI, if RCU is watching; takes no lock.  @gate may be freed at once.
 */
static inline void pci_gate_unhold(struct pci_gate *gate)
{
	RCU_LOCKDEP_WARN(!rcu_is_watching(), "pci_gate: RCU is not watching");
	barrier(); /* no more is needed, see gate_drain.c */
	this_cpu_inc(gate->count->out);
}

/**
 * pci_gate_tryenter - begin a section that may sleep, if that is possible now
 * @gate: the gate; referenced by the caller
 *
 * What sleeps inside has to end when the gate is shut, as the waits of this file
 * do: a drain waits for it.  Sections nest, but an inner one may fail when the
 * outer did not; pci_gate_enter_nested() does not.
 *
 * Context: Any in which RCU is watching; never sleeps.
 * Return: 0, -EAGAIN if the gate is frozen, -ENODEV if it is closing or dead.
 */
static inline int __must_check pci_gate_tryenter(struct pci_gate *gate)
{
	int ret = pci_gate_hold(gate);

	if (likely(!ret))
		pci_gate_dep_acquire(gate);
	return ret;
}

/**
 * pci_gate_enter_nested - begin a section inside a section
 * @gate: the gate
 *
 * Context: Any, inside a section of @gate or with a hold.  Ended by pci_gate_exit().
 */
static inline void pci_gate_enter_nested(struct pci_gate *gate)
{
	pci_gate_hold_nested(gate);
	pci_gate_dep_acquire(gate);
}

/**
 * pci_gate_exit - end a section that may sleep
 * @gate: the gate
 *
 * Context: The task that began it.
 */
static inline void pci_gate_exit(struct pci_gate *gate)
{
	pci_gate_dep_release(gate);
	pci_gate_unhold(gate);
}

static inline void pci_gate_end_atomic(struct pci_gate *gate)
{
	if (gate)
		pci_gate_exit_atomic(gate);
}

/*
 * scoped_cond_guard(pci_gate_try, return -ENODEV, gate) { section }
 * guard(pci_gate)(gate);			a section inside a section
 * CLASS(pci_gate_atomic, in)(gate);		in is NULL if there is none
 */
DEFINE_GUARD(pci_gate, struct pci_gate *, pci_gate_enter_nested(_T),
	     pci_gate_exit(_T))
DEFINE_GUARD_COND(pci_gate, _try, pci_gate_tryenter(_T) == 0)
DEFINE_CLASS(pci_gate_atomic, struct pci_gate *, pci_gate_end_atomic(_T),
	     pci_gate_enter_atomic(gate) ? gate : NULL, struct pci_gate *gate)

struct pci_gate *__pcim_gate_create(struct pci_dev *pdev,
				    struct lock_class_key *key);
struct pci_gate *pci_gate_find(struct pci_dev *pdev);
void pci_gate_put(struct pci_gate *gate);
void pci_gate_freeze(struct pci_gate *gate);
void pci_gate_kill(struct pci_gate *gate);
int pci_gate_thaw(struct pci_gate *gate);

/**
 * pcim_gate_create - the gate of a device, for as long as it has its driver
 * @pdev: the device
 *
 * There is one gate for a device: if it has one already that is returned.  It is
 * as frozen as the device is.  It is shut before the driver's remove() is called,
 * and closed after it has returned at the latest, before anything that is managed
 * by devres is released.
 *
 * Context: Process context with the device lock held, as in probe().  Where it is
 * called is a class for lockdep.
 * Return: The gate, or an ERR_PTR(): -ENOMEM, or -ENODEV if there is no driver.
 */
#define pcim_gate_create(pdev)						\
({									\
	static struct lock_class_key __pci_gate_key;			\
									\
	__pcim_gate_create(pdev, &__pci_gate_key);			\
})

/**
 * pci_gate_get - keep a gate in memory
 * @gate: the gate; referenced, or in the hands of its driver before remove()
 *	returns
 *
 * For what may outlive the driver, such as open files.  It may be shut any time.
 *
 * Context: Any.
 * Return: @gate.
 */
static inline struct pci_gate *pci_gate_get(struct pci_gate *gate)
{
	kref_get(&gate->kref);
	return gate;
}

int pci_gate_drain(struct pci_gate *gate, unsigned long timeout);
int pci_gate_drain_many(struct pci_gate **gates, unsigned int nr,
			unsigned long timeout);

void pci_gate_close(struct pci_gate *gate);
int pci_gate_add_action(struct pci_gate *gate, void (*action)(void *data),
			void *data);
int pci_gate_add_stop(struct pci_gate *gate, void (*stop)(void *data),
		      void *data);
void __iomem *pci_gate_iomap(struct pci_gate *gate, int bar,
			     unsigned long maxlen);

/**
 * struct pci_gate_cancel - ends waits that know nothing of the gate
 * @cancel: is called when the gate is shut: once for each time it is frozen, once
 *	if it is closing and once if it is dead, unless a later state came first.
 *	@state is which.  Runs in a work item of the gate's own with no lock held,
 *	so that it works while a remove() holds the device lock; must not take that
 *	lock, nor wait for the gate to be drained, which waits for it.
 * @node: the core's
 * @told: the core's
 */
struct pci_gate_cancel {
	void (*cancel)(struct pci_gate *gate, struct pci_gate_cancel *cancel,
		       enum pci_gate_state state);
	struct hlist_node node;
	u32 told;
};

int pci_gate_cancel_add(struct pci_gate *gate, struct pci_gate_cancel *cancel);
void pci_gate_cancel_del(struct pci_gate *gate, struct pci_gate_cancel *cancel);

/*
 * A wait ends at once when the gate is shut, but not
 * PCI_GATE_WAIT_THAW: while it is frozen: what is waited for comes after the thaw
 * PCI_GATE_WAIT_CLOSING: while it is closing: in remove(), of a device that answers
 * Who waits with one of these two must not be in a section, nor have a hold.  With
 * PCI_GATE_WAIT_INTERRUPTIBLE a signal ends it, too, with -ERESTARTSYS.
 */
#define PCI_GATE_WAIT_THAW	BIT(0)
#define PCI_GATE_WAIT_CLOSING	BIT(1)
#define PCI_GATE_WAIT_INTERRUPTIBLE	BIT(2)

/**
 * struct pci_gate_waiter - somebody who waits for something, and for the gate
 * @gate: the gate
 * @flags: PCI_GATE_WAIT_*
 * @epoch: in which he began: if it is over the device was reset, perhaps
 * @wq: where what he waits for is told, or NULL
 * @entry: in @wq
 * @shut: among those who wait for the gate
 */
struct pci_gate_waiter {
	struct pci_gate *gate;
	unsigned int flags;
	u32 epoch;
	struct wait_queue_head *wq;
	struct wait_queue_entry entry;
	struct wait_bit_queue_entry shut;
};

int pci_gate_enter(struct pci_gate *gate);
long pci_gate_wait_for_completion_timeout(struct pci_gate *gate,
					  struct completion *done,
					  unsigned long timeout,
					  unsigned int flags);
int pci_gate_msleep(struct pci_gate *gate, unsigned int ms, unsigned int flags);
void pci_gate_wait_begin(struct pci_gate_waiter *waiter, struct pci_gate *gate,
			 struct wait_queue_head *wq, unsigned int flags);
long pci_gate_wait_prepare(struct pci_gate_waiter *waiter);
void pci_gate_wait_end(struct pci_gate_waiter *waiter);

/**
 * pci_gate_wait_event_timeout - wait for something that a device does
 * @gate: the device's gate
 * @wq_head: wait queue that is woken when @condition may have come true
 * @condition: an expression; is evaluated each time @wq_head is woken
 * @timeout: in jiffies.  There is no wait without: nobody may notice that the
 *	device is gone
 * @flags: PCI_GATE_WAIT_*
 *
 * Context: Process context; sleeps.  In a section unless @flags forbid it.  Also
 * where the device lock is held, as in probe() and remove().
 * Return: What is left of @timeout, at least 1, if @condition is true, whatever
 * became of the gate; 0 after @timeout; -EAGAIN if the gate is frozen or was
 * meanwhile; -ENODEV if it is closing or dead; -ERESTARTSYS after a signal.
 */
#define pci_gate_wait_event_timeout(gate, wq_head, condition, timeout, flags) \
({									\
	struct pci_gate_waiter __waiter;				\
	long __left = (timeout);					\
	long __shut;							\
									\
	might_sleep();							\
	pci_gate_wait_begin(&__waiter, gate, &(wq_head), flags);	\
	for (;;) {							\
		__shut = pci_gate_wait_prepare(&__waiter);		\
		if (condition) {					\
			__left = max(__left, 1L);			\
			break;						\
		}							\
		if (__shut)						\
			__left = __shut;				\
		if (__left <= 0)					\
			break;						\
		__left = schedule_timeout(__left);			\
	}								\
	pci_gate_wait_end(&__waiter);					\
	__left;								\
})

#endif /* _LINUX_PCI_GATE_H */
