// SPDX-License-Identifier: GPL-2.0
/*
 * The gate of a PCI device: its life, and its state.
 *
 * One word says what the gate lets in.  It moves by compare-and-exchange, from any
 * context and before any lock is taken, so that everybody learns that a device has
 * failed while a stuck remove() holds every lock there is:
 *
 *	    freeze         close           kill
 *	LIVE <-----> FROZEN ------> CLOSING -----> DEAD
 *	     thaw			(from LIVE as well; kill from any)
 *
 * Who reads LIVE is in, if he has begun an RCU read-side section before, or has
 * counted himself in.  One grace period after the word has moved the former are out
 * again, and all of the latter are known (gate_drain.c).
 *
 * While the gate is live the word is the address of the counters, so one comparison
 * tells that, and that it was there that somebody counted himself in.
 */

#include <linux/device.h>
#include <linux/hashtable.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "gate.h"

/* Every gate that is not closed, by its device; written under gate_lock, RCU. */
static DEFINE_HASHTABLE(gate_hash, 6);
static DEFINE_SPINLOCK(gate_lock);

/* For cancel callbacks, which no other work is to hold up, and to free gates. */
struct workqueue_struct *pci_gate_wq;

static_assert(PCI_GATE_NR_STATES - 1 == PCI_GATE_STATE_MASK);
static_assert(__alignof__(struct pci_gate_count) > PCI_GATE_STATE_MASK);

/*
 * From which state to which.  DEAD is terminal, CLOSING nearly so.
 */
static const u8 moves[PCI_GATE_NR_MOVES][PCI_GATE_NR_STATES] = {
	[PCI_GATE_FREEZE] = {
		PCI_GATE_FROZEN, PCI_GATE_FROZEN, PCI_GATE_CLOSING, PCI_GATE_DEAD
	},
	[PCI_GATE_THAW] = {
		PCI_GATE_LIVE, PCI_GATE_LIVE, PCI_GATE_CLOSING, PCI_GATE_DEAD
	},
	[PCI_GATE_CLOSE] = {
		PCI_GATE_CLOSING, PCI_GATE_CLOSING, PCI_GATE_CLOSING, PCI_GATE_DEAD
	},
	[PCI_GATE_KILL] = {
		PCI_GATE_DEAD, PCI_GATE_DEAD, PCI_GATE_DEAD, PCI_GATE_DEAD
	},
};

enum pci_gate_state pci_gate_next(enum pci_gate_state from,
				  enum pci_gate_move move)
{
	return moves[move][from];
}
EXPORT_SYMBOL_GPL(pci_gate_next);

/* Move the state word and tell everybody who waits.  Any context. */
void pci_gate_move(struct pci_gate *gate, enum pci_gate_move move)
{
	long old = atomic_long_read(&gate->state);
	long new;

	do {
		new = (old & ~PCI_GATE_STATE_MASK) |
		      pci_gate_next(old & PCI_GATE_STATE_MASK, move);
		if (new == old)
			return;
	} while (!atomic_long_try_cmpxchg(&gate->state, &old, new));
	/*
	 * That was a full barrier.  Who waits has queued himself and then looks
	 * at the state; who arms a callback has put it into the list and then
	 * looks at the state.  Either he has seen the move, or is seen here.
	 */
	wake_up_var(&gate->state);
	if (move != PCI_GATE_THAW)
		pci_gate_cancel_all(gate);
}
EXPORT_SYMBOL_GPL(pci_gate_move);

/*
 * The gate does not let in, or did not when somebody looked where to count himself:
 * pci_gate_hold() in other cases than usual.
 */
int __pci_gate_turn_away(struct pci_gate *gate,
			 struct pci_gate_count __percpu *count)
{
	int ret;

	do {
		if (count == gate->count)
			pci_gate_unhold(gate);
		ret = pci_gate_error(gate);
		if (ret)
			return ret;
		/* Thawed; what he has found before may have been nowhere. */
		count = READ_ONCE(gate->in);
	} while (!__pci_gate_count(gate, count));
	return 0;
}
EXPORT_SYMBOL_GPL(__pci_gate_turn_away);

/**
 * pci_gate_freeze - let nobody in until the thaw
 * @gate: the gate
 *
 * Those who are inside may still be, see pci_gate_drain(); those who wait by the
 * means of the gate wake up.  Of no effect if the gate is frozen or shut for ever.
 *
 * Context: Any but NMI; with PREEMPT_RT not in a hard interrupt.  Takes no lock
 * but those of a wait queue and the workqueue.
 */
void pci_gate_freeze(struct pci_gate *gate)
{
	pci_gate_move(gate, PCI_GATE_FREEZE);
}
EXPORT_SYMBOL_GPL(pci_gate_freeze);

/**
 * pci_gate_kill - let nobody in any more
 * @gate: the gate
 *
 * As pci_gate_freeze(), but for ever.  This is about the gate alone: a platform
 * that knows of a device's death calls pci_recovery_gone().
 *
 * Context: That of pci_gate_freeze().
 */
void pci_gate_kill(struct pci_gate *gate)
{
	pci_gate_move(gate, PCI_GATE_KILL);
}
EXPORT_SYMBOL_GPL(pci_gate_kill);

/*
 * From frozen to live.  Another epoch begins, and not with the freeze: in a section
 * that began before that the device was not reset yet.  All of that first, for who
 * sees LIVE.  If the gate is shut for ever in between it is drained once more, by who
 * closes it.
 */
static void let_in(struct pci_gate *gate)
{
	lockdep_assert_held(&gate->lock);

	guard(spinlock_irqsave)(&gate->list_lock);
	if (pci_gate_state(gate) != PCI_GATE_FROZEN)
		return;
	gate->down = false;
	WRITE_ONCE(gate->in, gate->count);
	WRITE_ONCE(gate->epoch, gate->epoch + 1);
	pci_gate_move(gate, PCI_GATE_THAW);
}

/**
 * pci_gate_thaw - let everybody in again
 * @gate: the gate
 *
 * Whoever froze the gate and touched what sections use, in a reset for example,
 * must have drained it before that.
 *
 * Context: Process context, sleeps.
 * Return: 0, also if it was live; -ENODEV if the gate was shut for ever meanwhile.
 */
int pci_gate_thaw(struct pci_gate *gate)
{
	might_sleep();

	guard(mutex)(&gate->lock);
	let_in(gate);
	pci_gate_wake_files(gate);
	return pci_gate_error(gate) == -ENODEV ? -ENODEV : 0;
}
EXPORT_SYMBOL_GPL(pci_gate_thaw);

/**
 * pci_gate_find - the gate of a device
 * @pdev: the device
 *
 * Context: Any.
 * Return: The gate with a reference for the caller, or NULL if there is none that
 * is not closed.
 */
struct pci_gate *pci_gate_find(struct pci_dev *pdev)
{
	struct pci_gate *gate;

	guard(rcu)();
	hash_for_each_possible_rcu(gate_hash, gate, hash, (unsigned long)pdev) {
		if (gate->pdev == pdev && kref_get_unless_zero(&gate->kref))
			return gate;
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(pci_gate_find);

/* From here on nobody finds it. */
void pci_gate_unhash(struct pci_gate *gate)
{
	guard(spinlock_irqsave)(&gate_lock);
	hash_del_rcu(&gate->hash);
}

/* The last reference of the device may go with it, which may sleep. */
static void free_work(struct work_struct *work)
{
	struct pci_gate *gate = container_of(work, struct pci_gate, work);

	free_percpu(gate->count);
	pci_dev_put(gate->pdev);
	kfree(gate);
}

static void free_rcu_cb(struct rcu_head *rcu)
{
	struct pci_gate *gate = container_of(rcu, struct pci_gate, rcu);

	INIT_WORK(&gate->work, free_work);
	queue_work(pci_gate_wq, &gate->work);
}

static void gate_free(struct kref *kref)
{
	/* Whoever found it without a reference may still look at it. */
	call_rcu(&container_of(kref, struct pci_gate, kref)->rcu, free_rcu_cb);
}

/**
 * pci_gate_put - give a reference back
 * @gate: the gate, or NULL
 *
 * Context: Any.
 */
void pci_gate_put(struct pci_gate *gate)
{
	if (gate)
		kref_put(&gate->kref, gate_free);
}
EXPORT_SYMBOL_GPL(pci_gate_put);

static struct pci_gate *gate_alloc(struct pci_dev *pdev,
				   struct lock_class_key *key)
{
	struct pci_gate *gate = kzalloc(sizeof(*gate), GFP_KERNEL);

	if (!gate)
		return NULL;
	gate->count = alloc_percpu(struct pci_gate_count);
	if (!gate->count) {
		kfree(gate);
		return NULL;
	}
	gate->in = gate->count;
	atomic_long_set(&gate->state, (__force long)gate->count);
	spin_lock_init(&gate->list_lock);
	mutex_init(&gate->lock);
	INIT_WORK(&gate->work, pci_gate_cancel_work);
	gate->pdev = pci_dev_get(pdev);
	kref_init(&gate->kref);
	pci_gate_dep_init(gate, "pci_gate", key);
	return gate;
}

static void gate_release(struct device *dev, void *res)
{
	struct pci_gate *gate = *(struct pci_gate **)res;

	pci_gate_close(gate);
	/* Not closed: whoever is inside is about to unbind himself. */
	if (!WARN_ON_ONCE(!gate->released))
		pci_gate_put(gate);
}

static int gate_match(struct device *dev, void *res, void *match)
{
	return *(struct pci_gate **)res == match;
}

/*
 * Resources are released in the order in which they were taken, backwards.  The
 * gate is to be the first of them: what sections use may have come after it.
 */
void pci_gate_release_first(struct pci_gate *gate)
{
	struct device *dev = &gate->pdev->dev;
	void *res;

	res = devres_remove(dev, gate_release, gate_match, gate);
	if (res)
		devres_add(dev, res);
}

struct pci_gate *__pcim_gate_create(struct pci_dev *pdev,
				    struct lock_class_key *key)
{
	struct pci_gate **res, *gate;

	device_lock_assert(&pdev->dev);

	if (!pdev->dev.driver)
		return ERR_PTR(-ENODEV);
	gate = pci_gate_find(pdev);
	if (gate) {
		/* The driver's own keeps it. */
		pci_gate_put(gate);
		return gate;
	}
	res = devres_alloc(gate_release, sizeof(*res), GFP_KERNEL);
	if (!res)
		return ERR_PTR(-ENOMEM);
	gate = gate_alloc(pdev, key);
	if (!gate) {
		devres_free(res);
		return ERR_PTR(-ENOMEM);
	}
	*res = gate;
	devres_add(&pdev->dev, res);
	scoped_guard(spinlock_irqsave, &gate_lock)
		hash_add_rcu(gate_hash, &gate->hash, (unsigned long)pdev);
	/* After that: who publishes an error looks for a gate after error_state. */
	smp_mb();
	pci_gate_follow(gate, READ_ONCE(pdev->error_state));
	return gate;
}
EXPORT_SYMBOL_GPL(__pcim_gate_create);

static int __init gate_init(void)
{
	pci_gate_wq = alloc_workqueue("pci_gate", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return pci_gate_wq ? pci_gate_notify_init() : -ENOMEM;
}
arch_initcall(gate_init);
