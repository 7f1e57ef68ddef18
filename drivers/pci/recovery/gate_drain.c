// SPDX-License-Identifier: GPL-2.0
/*
 * Drain a gate: wait until nobody is inside any more.
 *
 *	state moved -> reference killed -> one grace period -> counted -> zero
 *
 * The grace period is that of percpu_ref_kill().  At its end all atomic sections
 * are over, and all others have counted themselves in.  It does not matter how many
 * sections, holds and resources there are, nor how many gates: their grace periods
 * run at the same time.
 */

#include <linux/debug_locks.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/sched/debug.h>

#include "gate.h"
#include "recovery.h"

/* May the caller drain @gate?  Not from inside, for he would wait for himself. */
static int check_drain(struct pci_gate *gate)
{
	might_sleep();
	RCU_LOCKDEP_WARN(rcu_read_lock_held(),
			 "pci_gate: drain in an RCU read-side section");
	if (WARN_ON_ONCE(pci_gate_inside(gate) ||
			 READ_ONCE(gate->canceller) == current))
		return -EDEADLK;
	/* Is a lock held here that somebody may take inside? */
	pci_gate_dep_sync(gate);
	return 0;
}

/* Begin to drain @gate, do not wait.  -EAGAIN if it lets in. */
int pci_gate_drain_begin(struct pci_gate *gate)
{
	int ret = check_drain(gate);

	if (ret)
		return ret;
	guard(mutex)(&gate->lock);
	if (pci_gate_state(gate) == PCI_GATE_LIVE)
		return -EAGAIN;
	if (!gate->down) {
		WRITE_ONCE(gate->down, true);
		percpu_ref_kill(&gate->ref);
	}
	return 0;
}

/* Is nobody inside, nor any cancel callback to be called? */
bool pci_gate_drained(struct pci_gate *gate)
{
	if (!READ_ONCE(gate->down) || !percpu_ref_is_zero(&gate->ref) ||
	    !pci_gate_cancels_told(gate))
		return false;
	/* What was done inside was done before what the caller does next. */
	smp_mb();
	return true;
}
EXPORT_SYMBOL_GPL(pci_gate_drained);

/* The cancel callback that is running, or NULL. */
static void *running(struct pci_gate *gate)
{
	guard(spinlock_irqsave)(&gate->list_lock);
	return gate->cancel ? gate->cancel->cancel : NULL;
}

/* Say whom the drain waits for, as far as anybody knows. */
static void report(struct pci_gate *gate, unsigned int ms)
{
	void *callback = running(gate);

	if (callback)
		pci_warn(gate->pdev, "gate: %ps is running for more than %u ms\n",
			 callback, ms);
	if (percpu_ref_is_zero(&gate->ref))
		return;
	pci_warn(gate->pdev, "gate: somebody is inside for more than %u ms\n", ms);
	/* He holds "pci_gate". */
	debug_show_all_locks();
}

/* Go on with what pci_gate_drain_begin() began. */
int pci_gate_drain_end(struct pci_gate *gate, unsigned long timeout)
{
	unsigned int ms = READ_ONCE(pci_recovery_callback_ms);
	unsigned long slice, limit = msecs_to_jiffies(ms);
	bool reported = false;
	int ret;

	for (;;) {
		/* Thawed meanwhile, or thawed and shut again. */
		if (!READ_ONCE(gate->down)) {
			ret = pci_gate_drain_begin(gate);
			if (ret)
				return ret;
		}
		slice = min(timeout, limit);
		if (wait_var_event_timeout(&gate->state,
					   pci_gate_drained(gate) ||
					   !READ_ONCE(gate->down), slice)) {
			if (pci_gate_drained(gate))
				return 0;
			continue;
		}
		if (timeout != MAX_SCHEDULE_TIMEOUT)
			timeout -= slice;
		if (!timeout)
			return -ETIMEDOUT;
		if (!reported)
			report(gate, ms);
		reported = true;
	}
}

/**
 * pci_gate_drain - wait until nobody is inside a gate
 * @gate: a gate that is frozen, closing or dead
 * @timeout: in jiffies, or MAX_SCHEDULE_TIMEOUT
 *
 * Waits for all sections and holds that began before the gate was shut, and until
 * all cancel callbacks have returned.  Who is inside for more than
 * pci_recovery.callback_ms is reported in the log.
 *
 * Context: Process context, neither in a section or a cancel callback of @gate nor
 * with a lock held that is taken in one.  Sleeps for one grace period at least if
 * the gate was not drained before.
 * Return: 0 when nobody is inside, nor can get in before a thaw; -ETIMEDOUT when
 * somebody still is, the gate stays shut; -EAGAIN if the gate lets in, because it
 * was not shut or was thawed meanwhile; -EDEADLK if lockdep is on and sees that
 * the caller waits for himself.
 */
int pci_gate_drain(struct pci_gate *gate, unsigned long timeout)
{
	return pci_gate_drain_many(&gate, 1, timeout);
}
EXPORT_SYMBOL_GPL(pci_gate_drain);

/**
 * pci_gate_drain_many - wait until nobody is inside any of several gates
 * @gates: gates, as for pci_gate_drain()
 * @nr: number of gates
 * @timeout: for all of them together, in jiffies, or MAX_SCHEDULE_TIMEOUT
 *
 * Their grace periods run at the same time.
 *
 * Context: That of pci_gate_drain(), for each of them.
 * Return: 0, or what pci_gate_drain() would return for the first that cannot be
 * drained.
 */
int pci_gate_drain_many(struct pci_gate **gates, unsigned int nr,
			unsigned long timeout)
{
	unsigned long end = jiffies + timeout;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = pci_gate_drain_begin(gates[i]);
	for (i = 0; i < nr && !ret; i++) {
		ret = pci_gate_drain_end(gates[i], timeout);
		if (timeout != MAX_SCHEDULE_TIMEOUT)
			timeout = time_before(jiffies, end) ? end - jiffies : 0;
	}
	return ret;
}
EXPORT_SYMBOL_GPL(pci_gate_drain_many);
