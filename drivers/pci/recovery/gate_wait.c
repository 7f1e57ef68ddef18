// SPDX-License-Identifier: GPL-2.0
/*
 * Waits that end when the gate is shut.
 *
 * Who waits is in two queues: that of what he waits for, and one of the hashed
 * queues of wait_var_event(), by the address of the gate's state.  So a gate has no
 * queue of its own, and nobody wakes the waiters of all other devices.
 *
 * No wake-up is lost: who waits queues himself, sets his task's state and looks at
 * the gate's; who moves that looks for waiters afterwards, with full barriers on
 * both sides.
 */

#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/swait.h>
#include <linux/wait.h>

#include "gate.h"

/* While @gate is frozen.  Nonzero if a signal ends that: one that kills, or any. */
int pci_gate_wait_thaw(struct pci_gate *gate, bool interruptible)
{
	if (interruptible)
		return wait_var_event_interruptible(&gate->state,
						    pci_gate_state(gate) !=
						    PCI_GATE_FROZEN);
	return wait_var_event_killable(&gate->state,
				       pci_gate_state(gate) != PCI_GATE_FROZEN);
}

/**
 * pci_gate_enter - begin a section that may sleep, after the thaw if need be
 * @gate: the gate; referenced by the caller
 *
 * Context: Process context; sleeps while the gate is frozen.  Not in a section of
 * the same gate, which that would keep from being drained.  Not with the device
 * lock held, as in probe(), remove() and error handlers: the thaw needs it.
 * Return: 0, to be followed by pci_gate_exit(); -ENODEV if the gate is closing or
 * dead; -EINTR if the task was killed; -EDEADLK if lockdep is on and sees that the
 * caller is in a section.
 */
int pci_gate_enter(struct pci_gate *gate)
{
	int ret;

	might_sleep();
	lockdep_assert_not_held(&gate->pdev->dev.mutex);
	if (WARN_ON_ONCE(pci_gate_inside(gate)))
		return -EDEADLK;

	for (;;) {
		/* It has no such refusal that could be injected. */
		ret = __pci_gate_hold(gate);
		if (!ret)
			pci_gate_dep_acquire(gate);
		if (ret != -EAGAIN)
			return ret;
		if (pci_gate_wait_thaw(gate, false))
			return -EINTR;
	}
}
EXPORT_SYMBOL_GPL(pci_gate_enter);

/* A wait of a section must end when it is shut: these two do not. */
#define NOT_INSIDE	(PCI_GATE_WAIT_THAW | PCI_GATE_WAIT_CLOSING)

static int task_state(struct pci_gate_waiter *waiter)
{
	return waiter->flags & PCI_GATE_WAIT_INTERRUPTIBLE ?
	       TASK_INTERRUPTIBLE : TASK_UNINTERRUPTIBLE;
}

/* Is there a reason not to wait any longer? */
static long shut(struct pci_gate *gate, unsigned int flags, u32 epoch)
{
	switch (pci_gate_state(gate)) {
	case PCI_GATE_LIVE:
		/* Thawed before we ran: what we wait for may have been lost. */
		if (pci_gate_epoch(gate) != epoch)
			return flags & PCI_GATE_WAIT_THAW ? 0 : -EAGAIN;
		return 0;
	case PCI_GATE_FROZEN:
		return flags & PCI_GATE_WAIT_THAW ? 0 : -EAGAIN;
	case PCI_GATE_CLOSING:
		return flags & PCI_GATE_WAIT_CLOSING ? 0 : -ENODEV;
	default:
		return -ENODEV;
	}
}

/* What pci_gate_wait_event_timeout() consists of: before the first look. */
void pci_gate_wait_begin(struct pci_gate_waiter *waiter, struct pci_gate *gate,
			 struct wait_queue_head *wq, unsigned int flags)
{
	/* A drain would wait for who waits for what comes after the drain. */
	if (WARN_ON_ONCE(flags & NOT_INSIDE && pci_gate_inside(gate)))
		flags &= ~NOT_INSIDE;
	waiter->gate = gate;
	waiter->flags = flags;
	waiter->epoch = pci_gate_epoch(gate);
	waiter->wq = wq;
	init_wait_entry(&waiter->entry, 0);
	init_wait_var_entry(&waiter->shut, &gate->state, 0);
}
EXPORT_SYMBOL_GPL(pci_gate_wait_begin);

/*
 * Before each look at the condition: from here on whatever happens wakes us.
 * Returns 0, or why not to sleep.
 */
long pci_gate_wait_prepare(struct pci_gate_waiter *waiter)
{
	struct pci_gate *gate = waiter->gate;
	int state = task_state(waiter);
	long signal;

	if (waiter->wq)
		prepare_to_wait_event(waiter->wq, &waiter->entry, state);
	signal = prepare_to_wait_event(__var_waitqueue(&gate->state),
				       &waiter->shut.wq_entry, state);
	/* Both ended with a full barrier. */
	return shut(gate, waiter->flags, waiter->epoch) ?: signal;
}
EXPORT_SYMBOL_GPL(pci_gate_wait_prepare);

/* After the last look. */
void pci_gate_wait_end(struct pci_gate_waiter *waiter)
{
	finish_wait(__var_waitqueue(&waiter->gate->state),
		    &waiter->shut.wq_entry);
	if (waiter->wq)
		finish_wait(waiter->wq, &waiter->entry);
}
EXPORT_SYMBOL_GPL(pci_gate_wait_end);

/**
 * pci_gate_wait_for_completion_timeout - wait for something that a device does
 * @gate: the device's gate
 * @done: what tells that it was done
 * @timeout: in jiffies
 * @flags: PCI_GATE_WAIT_*
 *
 * Context: That of pci_gate_wait_event_timeout().
 * Return: That of pci_gate_wait_event_timeout().
 */
long pci_gate_wait_for_completion_timeout(struct pci_gate *gate,
					  struct completion *done,
					  unsigned long timeout,
					  unsigned int flags)
{
	struct pci_gate_waiter waiter;
	DECLARE_SWAITQUEUE(entry);
	long left = timeout;
	long ret;

	might_sleep();
	pci_gate_wait_begin(&waiter, gate, NULL, flags);
	for (;;) {
		prepare_to_swait_event(&done->wait, &entry,
				       task_state(&waiter));
		ret = pci_gate_wait_prepare(&waiter);
		if (!ret && left > 0 && !completion_done(done)) {
			left = schedule_timeout(left);
			continue;
		}
		pci_gate_wait_end(&waiter);
		finish_swait(&done->wait, &entry);
		/*
		 * Only now, when complete() cannot choose us any more: it wakes
		 * one, and if that were us, and we left, another would sleep on.
		 */
		if (try_wait_for_completion(done))
			return max(left, 1L);
		/* Unless somebody was faster. */
		if (ret || left <= 0)
			return ret;
	}
}
EXPORT_SYMBOL_GPL(pci_gate_wait_for_completion_timeout);

/**
 * pci_gate_msleep - sleep for as long as a device is there
 * @gate: the device's gate
 * @ms: for how long, in milliseconds
 * @flags: PCI_GATE_WAIT_*
 *
 * Context: That of pci_gate_wait_event_timeout().
 * Return: 0 after @ms; -EAGAIN if the gate is frozen or was meanwhile; -ENODEV if
 * it is closing or dead; -ERESTARTSYS after a signal.
 */
int pci_gate_msleep(struct pci_gate *gate, unsigned int ms, unsigned int flags)
{
	unsigned long left = msecs_to_jiffies(ms) + 1;
	struct pci_gate_waiter waiter;
	int ret;

	might_sleep();
	pci_gate_wait_begin(&waiter, gate, NULL, flags);
	for (;;) {
		ret = pci_gate_wait_prepare(&waiter);
		if (ret || !left)
			break;
		left = schedule_timeout(left);
	}
	pci_gate_wait_end(&waiter);
	return ret;
}
EXPORT_SYMBOL_GPL(pci_gate_msleep);
