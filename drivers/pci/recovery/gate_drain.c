// SPDX-License-Identifier: GPL-2.0
/*
 * Drain a gate: wait until nobody is inside any more.
 *
 *	state moved -> exits counted -> one grace period -> entries counted: as many
 *
 * Who enters counts himself in and then looks at the state, who exits counts himself
 * out.  Neither has a barrier.  As with SRCU-fast, this_cpu_inc() is an RCU read-side
 * section by itself: it is one instruction, or has preemption or interrupts off.
 * So the grace period makes all the order there is:
 *
 * - Who has read LIVE is counted in.  If his this_cpu_inc() came after the beginning
 *   of the grace period, so would his look at the state, which has moved by then.  So
 *   it comes before the end, after which entries are counted.
 * - Whose exit is counted, his entry is, too, and what he did inside is done.  His
 *   this_cpu_inc() comes before the beginning, for it was seen there.  So that and
 *   whatever precedes it, on any CPU, comes before the end.  This also holds for who
 *   was counted in but turned away, and for sections inside of sections.
 *
 * So if there are as many entries as exits nobody is inside, and in atomic sections
 * nobody is anyway.  If there are more somebody was: that is seen when the sums have
 * become the same, and then all is done once more.
 *
 * Exits do not tell: a drain looks again after a while.  So they take no lock, and
 * do not touch a gate that may have been freed.  It does not matter how many sections,
 * holds and resources there are, nor how many gates: their grace periods run at the
 * same time.
 */

#include <linux/debug_locks.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
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

/*
 * Where who is turned away is counted: somebody who tries to enter all the time would
 * make the sums differ for ever.  Who has looked for pci_gate.in before that is still
 * counted in and out there, but once only.
 */
static DEFINE_PER_CPU(struct pci_gate_count, nowhere);

static unsigned long count_in(struct pci_gate *gate)
{
	unsigned long sum = 0;
	int cpu;

	/* Also of those that are offline: somebody may have begun there. */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(gate->count, cpu)->in);
	return sum;
}

static unsigned long count_out(struct pci_gate *gate)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(gate->count, cpu)->out);
	return sum;
}

/* Count who is out, and from here on wait for a grace period. */
static void count(struct pci_gate *gate)
{
	lockdep_assert_held(&gate->lock);

	gate->out = count_out(gate);
	/* Begins with a full barrier. */
	gate->gp = start_poll_synchronize_rcu();
}

/* Was everybody out?  If he was not, but seems to be now, count once more. */
static bool is_empty(struct pci_gate *gate)
{
	unsigned long in;
	bool over;

	lockdep_assert_held(&gate->lock);

	over = poll_state_synchronize_rcu(gate->gp);
	in = count_in(gate);
	if (in == gate->out)
		return over;
	if (in == count_out(gate))
		count(gate);
	return false;
}

/* Begin to drain @gate, unless somebody has; do not wait.  -EAGAIN if it lets in. */
int pci_gate_drain_begin(struct pci_gate *gate)
{
	int ret = check_drain(gate);

	if (ret)
		return ret;
	guard(mutex)(&gate->lock);
	if (gate->down)
		return 0;
	if (pci_gate_state(gate) == PCI_GATE_LIVE)
		return -EAGAIN;
	gate->down = true;
	WRITE_ONCE(gate->in, &nowhere);
	count(gate);
	return 0;
}

/* Is nobody inside, nor any cancel callback to be called? */
bool pci_gate_drained(struct pci_gate *gate)
{
	guard(mutex)(&gate->lock);
	return gate->down && is_empty(gate) && pci_gate_cancels_told(gate);
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
	if (count_out(gate) == count_in(gate))
		return;
	pci_warn(gate->pdev, "gate: somebody is inside for more than %u ms\n", ms);
	/* He holds "pci_gate". */
	debug_show_all_locks();
}

/* Go on with what pci_gate_drain_begin() began. */
int pci_gate_drain_end(struct pci_gate *gate, unsigned long timeout)
{
	unsigned int ms = READ_ONCE(pci_recovery_callback_ms);
	unsigned long start = jiffies, waited = 0;
	bool reported = false;
	int ret;

	while (!pci_gate_drained(gate)) {
		/* Thawed meanwhile, or thawed and shut again. */
		ret = pci_gate_drain_begin(gate);
		if (ret)
			return ret;
		if (waited >= timeout)
			return -ETIMEDOUT;
		if (!reported && waited >= msecs_to_jiffies(ms)) {
			report(gate, ms);
			reported = true;
		}
		/* So it is a 16th too late at most. */
		schedule_timeout_uninterruptible(min3(waited / 16 + 1,
						      timeout - waited,
						      (unsigned long)HZ / 10));
		waited = jiffies - start;
	}
	return 0;
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
