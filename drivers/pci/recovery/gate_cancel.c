// SPDX-License-Identifier: GPL-2.0
/*
 * Cancel callbacks: the end of waits that know nothing of a gate.
 *
 * A work item of the gate's own calls them, so no lock is held that a remove() can
 * hold which waits.  A drain waits until all have been told of the state as it is
 * and have returned, and a gate is drained before its driver can be unloaded.
 *
 * None is missed.  Who moves the state looks at the list after that; who arms a
 * callback looks at the state after he has put it into the list.  One of them
 * queues the work, which looks at both.
 */

#include <linux/pci.h>

#include "gate.h"

/* The state, and each time that it is frozen another word. */
static u32 state_word(struct pci_gate *gate)
{
	lockdep_assert_held(&gate->list_lock);

	return gate->epoch * (PCI_GATE_STATE_MASK + 1) | pci_gate_state(gate);
}

/* The first that was not told of the state as it is, if that is of interest. */
static struct pci_gate_cancel *untold(struct pci_gate *gate, u32 word)
{
	struct pci_gate_cancel *cancel;

	lockdep_assert_held(&gate->list_lock);

	if ((word & PCI_GATE_STATE_MASK) == PCI_GATE_LIVE)
		return NULL;
	hlist_for_each_entry(cancel, &gate->cancels, node) {
		if (cancel->told != word)
			return cancel;
	}
	return NULL;
}

/* Whom to call next, and of what; from here on it is running. */
static struct pci_gate_cancel *next(struct pci_gate *gate, u32 *word)
{
	struct pci_gate_cancel *cancel;

	guard(spinlock_irq)(&gate->list_lock);
	*word = state_word(gate);
	cancel = untold(gate, *word);
	if (!cancel)
		return NULL;
	cancel->told = *word;
	gate->cancel = cancel;
	WRITE_ONCE(gate->canceller, current);
	return cancel;
}

/* Have all callbacks been told, and returned? */
bool pci_gate_cancels_told(struct pci_gate *gate)
{
	guard(spinlock_irqsave)(&gate->list_lock);
	return !gate->canceller && !untold(gate, state_word(gate));
}
EXPORT_SYMBOL_GPL(pci_gate_cancels_told);

static void call(struct pci_gate *gate, struct pci_gate_cancel *cancel,
		 u32 word)
{
	/* For lockdep as if inside: a drain waits for the callback. */
	pci_gate_dep_acquire(gate);
	cancel->cancel(gate, cancel, word & PCI_GATE_STATE_MASK);
	pci_gate_dep_release(gate);

	/* It may have been freed, by itself. */
	scoped_guard(spinlock_irq, &gate->list_lock) {
		WRITE_ONCE(gate->canceller, NULL);
		gate->cancel = NULL;
	}
	smp_mb(); /* wake_up_var() looks for waiters without a lock */
	wake_up_var(&gate->state);
}

/* The work: call whom there is to call. */
void pci_gate_cancel_work(struct work_struct *work)
{
	struct pci_gate *gate = container_of(work, struct pci_gate, work);
	struct pci_gate_cancel *cancel;
	u32 word;

	while ((cancel = next(gate, &word)))
		call(gate, cancel, word);
	pci_gate_put(gate);
}

/* The gate was shut: have the callbacks called, if there are any.  Any context. */
void pci_gate_cancel_all(struct pci_gate *gate)
{
	if (hlist_empty(&gate->cancels))
		return;
	pci_gate_get(gate);
	if (!queue_work(pci_gate_wq, &gate->work))
		pci_gate_put(gate);
}

/**
 * pci_gate_cancel_add - have waits ended when a gate is shut
 * @gate: the gate
 * @cancel: how; zero except for its callback, stays where it is until
 *	pci_gate_cancel_del() or until the gate is closed
 *
 * If the gate is shut already the callback is called at once, in its work item; not
 * if it was frozen, and is thawed before that.  No thaw that follows a drain comes
 * before it if the caller is in a section.
 *
 * Context: Any but NMI; with PREEMPT_RT not in a hard interrupt.
 * Return: 0, or -ENODEV if the gate was closed: the callback will not be called.
 */
int pci_gate_cancel_add(struct pci_gate *gate, struct pci_gate_cancel *cancel)
{
	/* No state word of a gate that is shut. */
	cancel->told = PCI_GATE_LIVE;
	scoped_guard(spinlock_irqsave, &gate->list_lock) {
		if (gate->disarmed)
			return -ENODEV;
		hlist_add_head(&cancel->node, &gate->cancels);
	}
	/* Pairs with the cmpxchg of pci_gate_move(), see above. */
	smp_mb();
	if (pci_gate_state(gate) != PCI_GATE_LIVE)
		pci_gate_cancel_all(gate);
	return 0;
}
EXPORT_SYMBOL_GPL(pci_gate_cancel_add);

static bool is_running(struct pci_gate *gate, struct pci_gate_cancel *cancel)
{
	guard(spinlock_irqsave)(&gate->list_lock);
	return gate->cancel == cancel;
}

/**
 * pci_gate_cancel_del - do not call a callback any more
 * @gate: the gate
 * @cancel: the callback, armed or not
 *
 * Context: Process context; waits for the callback if it is running.  Also from
 * the callback itself, which must not touch @cancel after that if it is freed.
 */
void pci_gate_cancel_del(struct pci_gate *gate, struct pci_gate_cancel *cancel)
{
	might_sleep();

	scoped_guard(spinlock_irqsave, &gate->list_lock)
		hlist_del_init(&cancel->node);
	if (READ_ONCE(gate->canceller) != current)
		wait_var_event(&gate->state, !is_running(gate, cancel));
	/* Somebody may wait until all are told, and this one was the last. */
	smp_mb();
	wake_up_var(&gate->state);
}
EXPORT_SYMBOL_GPL(pci_gate_cancel_del);

/* Nobody arms any more; take all off, unless one is to be told, or is running. */
static bool try_disarm(struct pci_gate *gate)
{
	guard(spinlock_irqsave)(&gate->list_lock);
	gate->disarmed = true;
	if (gate->canceller || untold(gate, state_word(gate)))
		return false;
	while (!hlist_empty(&gate->cancels))
		hlist_del_init(gate->cancels.first);
	return true;
}

/* No callback runs after this.  Who has armed one since the drain is told before. */
void pci_gate_disarm(struct pci_gate *gate)
{
	wait_var_event(&gate->state, try_disarm(gate));
}
EXPORT_SYMBOL_GPL(pci_gate_disarm);
