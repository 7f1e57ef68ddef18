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
 * Who reads LIVE inside an RCU read-side section is in.  One grace period after
 * the word has moved all of those have counted themselves in or are out again,
 * and a percpu_ref tells when the former are out, too (gate_drain.c).  The moves
 * do not touch that reference: killing it is for process context, and the grace
 * period is the drain's anyway.
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

/*
 * The state word after a move.  Each thaw begins another epoch, and not the freeze:
 * in a section that began before that the device was not reset yet.
 */
u32 pci_gate_next(u32 word, enum pci_gate_move move)
{
	u32 from = word & PCI_GATE_STATE_MASK;
	u32 to = moves[move][from];

	if (to == PCI_GATE_LIVE && from != PCI_GATE_LIVE)
		word += PCI_GATE_STATE_MASK + 1;
	return (word & ~PCI_GATE_STATE_MASK) | to;
}
EXPORT_SYMBOL_GPL(pci_gate_next);

/* Move the state word and tell everybody who waits.  Any context. */
void pci_gate_move(struct pci_gate *gate, enum pci_gate_move move)
{
	int old = atomic_read(&gate->state);
	int new;

	do {
		new = pci_gate_next(old, move);
		if (new == old)
			return;
	} while (!atomic_try_cmpxchg(&gate->state, &old, new));
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

/**
 * pci_gate_thaw - let everybody in again
 * @gate: the gate
 *
 * Whoever froze the gate and touched what sections use, in a reset for example,
 * must have drained it before that.
 *
 * Context: Process context.  Sleeps for a grace period if a drain has begun just
 * before.
 * Return: 0, also if it was live; -ENODEV if the gate was shut for ever meanwhile.
 */
int pci_gate_thaw(struct pci_gate *gate)
{
	might_sleep();

	guard(mutex)(&gate->lock);
	/*
	 * The reference first, for who sees LIVE counts on it.  A gate that is
	 * shut for ever in between is drained once more, by who closes it.
	 */
	if (gate->down && pci_gate_state(gate) == PCI_GATE_FROZEN) {
		percpu_ref_resurrect(&gate->ref);
		WRITE_ONCE(gate->down, false);
	}
	pci_gate_move(gate, PCI_GATE_THAW);
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

	percpu_ref_exit(&gate->ref);
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
	/*
	 * Whoever found it without a reference may still look at it, and the
	 * last percpu_ref_put() may not have returned.
	 */
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

/* Nobody is inside any more.  From wherever the last one left. */
static void gate_empty(struct percpu_ref *ref)
{
	/* The count went to zero by a full barrier. */
	wake_up_var(&container_of(ref, struct pci_gate, ref)->state);
}

static struct pci_gate *gate_alloc(struct pci_dev *pdev,
				   struct lock_class_key *key)
{
	struct pci_gate *gate = kzalloc(sizeof(*gate), GFP_KERNEL);

	if (!gate)
		return NULL;
	if (percpu_ref_init(&gate->ref, gate_empty, PERCPU_REF_ALLOW_REINIT,
			    GFP_KERNEL)) {
		kfree(gate);
		return NULL;
	}
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
