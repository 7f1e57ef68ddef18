// SPDX-License-Identifier: GPL-2.0
/*
 * The gates of a PE, in the course of a recovery, and of a driver's life.
 *
 *	publish		frozen; dead if that is for good	(publish, freeze)
 *	drain		before MMIO is thawed, or a reset	(freeze, reset)
 *	resume		live again				(core, event)
 *	unbind		closing before remove(), closed after	(driver core)
 *
 * The states of the PE and of the pci_dev come first: they are what gates follow.
 */

#include <linux/device.h>
#include <linux/notifier.h>

#include "recovery.h"

/* Have @gate follow the state that was published of its device.  Any context. */
void pci_gate_follow(struct pci_gate *gate, pci_channel_state_t channel)
{
	if (channel == pci_channel_io_frozen)
		pci_gate_freeze(gate);
	else if (channel == pci_channel_io_perm_failure)
		pci_gate_kill(gate);
}

/* After @pdev's error_state was published.  Any context. */
void pci_gate_publish(struct pci_dev *pdev, pci_channel_state_t channel)
{
	struct pci_gate *gate;

	/* Who makes a gate just now looks at error_state when it can be found. */
	smp_mb();
	gate = pci_gate_find(pdev);
	if (!gate)
		return;
	pci_gate_follow(gate, channel);
	pci_gate_put(gate);
}

/* The functions of @root are about to leave, and nothing thaws them.  Any context. */
void pci_gate_leaving(struct pci_pe *root)
{
	struct pci_gate *gate;
	struct pci_pe_fn *fn;
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, root) {
		list_for_each_entry_rcu(fn, &pe->fns, node) {
			gate = pci_gate_find(fn->pdev);
			if (gate)
				pci_gate_move(gate, PCI_GATE_CLOSE);
			pci_gate_put(gate);
		}
	}
}

/*
 * Is there a gate of @ep that is not drained?  Begin with all of them.  One that a
 * driver has made during the episode is live.
 */
static bool begin_drain(struct pci_episode *ep, bool all)
{
	struct pci_gate *gate;
	struct pci_pe_fn *fn;
	bool busy = false;

	for_each_fn(ep, fn) {
		gate = all || fn->plan == PCI_FN_KEEP ?
		       pci_gate_find(fn->pdev) : NULL;
		if (gate)
			pci_gate_freeze(gate);
		if (gate && !pci_gate_drained(gate))
			busy |= !pci_gate_drain_begin(gate);
		pci_gate_put(gate);
	}
	return busy;
}

/*
 * Until nobody is inside.  Without a limit: with somebody inside no device is
 * touched.  The watchdog tells who does not come out.
 * @all: also of functions whose driver is to be unbound, if it is not yet; its
 *	remove() may be what ends a hold
 */
void pci_recovery_drain(struct pci_episode *ep, bool all)
{
	struct pci_gate *gate;
	struct pci_pe_fn *fn;
	ktime_t begin;

	if (!begin_drain(ep, all))
		return;
	begin = pci_step_begin(ep, NULL, PCI_STEP_DRAIN);
	for_each_fn(ep, fn) {
		gate = all || fn->plan == PCI_FN_KEEP ?
		       pci_gate_find(fn->pdev) : NULL;
		if (gate)
			pci_gate_drain_end(gate, MAX_SCHEDULE_TIMEOUT);
		pci_gate_put(gate);
	}
	pci_step_end(ep, NULL, PCI_STEP_DRAIN, begin, 0);
}

/*
 * Thaw @gate, which is of @pe.  Who reports an error moves the state of the PE
 * first and then freezes the gate: either we see that, or he freezes it after us.
 */
static void open_gate(struct pci_gate *gate, struct pci_pe *pe)
{
	pci_gate_thaw(gate);
	smp_mb(); /* after its state, whoever thawed it */
	if (pci_pe_state(pe) != PCI_PE_LIVE)
		pci_gate_freeze(gate);
}

/* The drivers go on, but not those that are given up. */
void pci_recovery_open(struct pci_episode *ep)
{
	struct pci_gate *gate;
	struct pci_pe_fn *fn;

	for_each_fn(ep, fn) {
		if (fn->plan == PCI_FN_FAIL ||
		    (fn->plan == PCI_FN_LEFT && !fn->refused) ||
		    pci_pe_state(fn->pe) != PCI_PE_LIVE)
			continue;
		gate = pci_gate_find(fn->pdev);
		if (gate)
			open_gate(gate, fn->pe);
		pci_gate_put(gate);
	}
}

/* Is the gate of @pdev shut for ever?  Only another driver has another one. */
bool pci_gate_lost(struct pci_dev *pdev)
{
	struct pci_gate *gate = pci_gate_find(pdev);
	bool lost = gate && pci_gate_error(gate) == -ENODEV;

	pci_gate_put(gate);
	return lost;
}

/* The gate of a function of @pe that is frozen, with a reference. */
static struct pci_gate *find_frozen(struct pci_pe *pe)
{
	struct pci_gate *gate;
	struct pci_pe_fn *fn;

	list_for_each_entry_rcu(fn, &pe->fns, node) {
		gate = pci_gate_find(fn->pdev);
		if (gate && pci_gate_state(gate) == PCI_GATE_FROZEN)
			return gate;
		pci_gate_put(gate);
	}
	return NULL;
}

/* There was no error: thaw what a report has frozen, of PEs that are live. */
void pci_pe_open(struct pci_pe *root)
{
	struct pci_gate *gate;
	struct pci_pe *pe;

	/* A thaw sleeps: from the beginning after each. */
	do {
		gate = NULL;
		scoped_guard(rcu) {
			for_each_pe(pe, root) {
				if (pci_pe_state(pe) == PCI_PE_LIVE)
					gate = find_frozen(pe);
				if (gate)
					break;
			}
		}
		if (gate)
			open_gate(gate, pe);
		pci_gate_put(gate);
	} while (gate);
}

/*
 * The driver is about to be unbound, by whomever, under the device lock.  Nobody
 * is to be inside when remove() runs, which knows nothing of gates perhaps.  But it
 * may be what makes holds end, so it is called after a while in any case.
 */
static void unbind(struct pci_dev *pdev)
{
	unsigned long limit = msecs_to_jiffies(pci_recovery_callback_ms);
	struct pci_gate *gate = pci_gate_find(pdev);

	if (!gate)
		return;
	pci_gate_move(gate, PCI_GATE_CLOSE);
	pci_gate_release_first(gate);
	/* Without a limit: no remove() knows who uses files. */
	pci_gate_close_files(gate);
	if (pci_gate_drain(gate, limit))
		pci_warn(pdev, "gate: somebody is inside, %s ->remove() is called nevertheless\n",
			 dev_driver_string(&pdev->dev));
	pci_gate_put(gate);
}

static int gate_notify(struct notifier_block *nb, unsigned long action,
		       void *data)
{
	if (action == BUS_NOTIFY_UNBIND_DRIVER)
		unbind(to_pci_dev(data));
	return NOTIFY_OK;
}

/* After that of pe.c, which lets MMIO answer. */
static struct notifier_block gate_nb = {
	.notifier_call = gate_notify,
	.priority = -1,
};

int __init pci_gate_notify_init(void)
{
	return bus_register_notifier(&pci_bus_type, &gate_nb);
}
