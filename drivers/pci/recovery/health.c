// SPDX-License-Identifier: GPL-2.0
/*
 * A read gave all-ones: is the device dead, or is that what the register says?
 *
 *	what is published	frozen or gone: nobody is asked
 *	the health check	the driver reads a register that is never all-ones:
 *				if it is not, loads get through
 *	the platform		isolated: reports it by itself
 *	both have nothing	the value is believed
 *
 * The health check comes first as it is a load, and the platform's answer may take
 * the firmware milliseconds.  The platform is asked each time: it may have isolated
 * the device just after it was asked before.  Until it says that something is wrong:
 * after that the answer is in what is published.
 *
 * "Not isolated" is not "alive".  So if the health check fails the device is dead,
 * whatever the platform says: it has crashed or hangs, and needs a reset.
 */

#include <linux/pci.h>
#include <linux/pci-gate.h>
#include <linux/pci-health.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "recovery.h"

/* What is known of a device by its health check. */
enum health {
	NOT_ASKED,
	ALIVE,
	DEAD,
};

/* A health check runs on this CPU: a bit for each interrupt_context_level(). */
static DEFINE_PER_CPU(unsigned long, asking);

/*
 * What is published of @pdev.  Not the state of its PE, which is frozen until the
 * end of an episode: error handlers read from devices that were reset.
 */
static int published(struct pci_dev *pdev)
{
	switch (READ_ONCE(pdev->error_state)) {
	case pci_channel_io_frozen:
		return -EAGAIN;
	case pci_channel_io_perm_failure:
		return -ENODEV;
	default:
		return 0;
	}
}

/* Not while it is shut: then remove() or an error handler may be running. */
static enum health ask_inside(struct pci_gate *gate)
{
	unsigned long level = BIT(interrupt_context_level());
	/* Pairs with pci_gate_set_health(). */
	bool (*alive)(void *data) = smp_load_acquire(&gate->alive);
	enum health health = NOT_ASKED;

	if (!alive || !pci_gate_enter_atomic(gate))
		return NOT_ASKED;
	/* Whose bit it is: nobody else gets in between at the same level. */
	preempt_disable();
	this_cpu_or(asking, level);
	health = alive(gate->alive_data) ? ALIVE : DEAD;
	this_cpu_and(asking, ~level);
	preempt_enable();
	pci_gate_exit_atomic(gate);
	return health;
}

static enum health ask_driver(struct pci_dev *pdev)
{
	struct pci_gate *gate = pci_gate_find(pdev);
	enum health health = gate ? ask_inside(gate) : NOT_ASKED;

	pci_gate_put(gate);
	return health;
}

/* The slow path of pci_recovery_check(). */
int __pci_recovery_check(struct pci_dev *pdev)
{
	enum health health;
	struct pci_pe *pe;
	int ret = published(pdev);

	if (ret)
		return ret;
	/* A health check that reads all-ones itself has its answer. */
	if (this_cpu_read(asking) & BIT(interrupt_context_level()))
		return -EAGAIN;
	health = ask_driver(pdev);
	if (health == ALIVE)
		return published(pdev);

	guard(rcu)();
	pe = pci_pe_find_rcu(pdev);
	if (pe && pe->ops->check)
		ret = pe->ops->check(pe, pdev);
	if (!ret && health == DEAD)
		ret = pe && pci_recovery_report(pe, PCI_REPORT_HEALTH) ?
		      -EAGAIN : -ENODEV;
	return published(pdev) ?: ret;
}
EXPORT_SYMBOL_GPL(__pci_recovery_check);

/**
 * pci_gate_set_health - how to prove that a device is alive
 * @gate: the device's gate
 * @alive: true if the device answers.  Reads a register that is never all-ones in a
 *	device that works, and may look at more, such as whether its firmware runs.
 *	Is called whenever a read gives all-ones, by several CPUs at once perhaps, in
 *	the context of that read and in an atomic section of @gate; should take
 *	microseconds.  In it pci_recovery_check() returns -EAGAIN for all-ones
 * @data: for @alive
 *
 * It is not called while the gate is shut, so not any more when remove() is
 * called, and ends with the gate.  Until there is one, and while the gate is shut,
 * the platform alone is asked.
 *
 * Context: Process context; takes a mutex.
 * Return: 0, -EBUSY if there is one already, -ENODEV if the gate is being closed.
 */
int pci_gate_set_health(struct pci_gate *gate, bool (*alive)(void *data),
			void *data)
{
	guard(mutex)(&gate->lock);
	if (gate->closed)
		return -ENODEV;
	if (gate->alive)
		return -EBUSY;
	gate->alive_data = data;
	/* @data first, for who calls it. */
	smp_store_release(&gate->alive, alive);
	return 0;
}
EXPORT_SYMBOL_GPL(pci_gate_set_health);

/**
 * pci_recovery_request - a driver asks for the recovery of its device
 * @pdev: the device
 *
 * For a driver that finds its device dead in another way than by a read, such as
 * firmware that has stopped.  No error of the platform's is needed.  The device is
 * frozen at once, for all who look, and the driver is asked by its error handlers as
 * after any other error.  It counts as an error: after too many in an hour the
 * device is given up.  What is asked for before the device is reset, in an episode
 * that runs, is dealt with by that reset; what is asked for after it, as by
 * slot_reset() or resume(), leads to another.
 *
 * Context: Any but NMI; with PREEMPT_RT not in a hard interrupt.  Does not wait for
 * the episode.
 * Return: 0; -EOPNOTSUPP if nobody recovers @pdev, for its platform does not or
 * because of pci_recovery=off; -EBUSY if an operator has switched that off for it
 * (recovery/auto); -ENODEV if it is gone or was given up.
 */
int pci_recovery_request(struct pci_dev *pdev)
{
	struct pci_pe *pe;

	guard(rcu)();
	pe = pci_pe_find_rcu(pdev);
	if (!pe)
		return -EOPNOTSUPP;
	/* One of several functions may be given up alone. */
	if (published(pdev) == -ENODEV)
		return -ENODEV;
	if (!READ_ONCE(pe->auto_recover))
		return -EBUSY;
	return pci_recovery_report(pe, PCI_REPORT_DRIVER) ? 0 : -ENODEV;
}
EXPORT_SYMBOL_GPL(pci_recovery_request);
