// SPDX-License-Identifier: GPL-2.0
/*
 * Close a gate for ever, and release what hangs off it.
 *
 *	shut -> files -> stops -> drain -> no more callbacks -> actions
 *
 * Files are those of gate_node.c.  Stops are what ends sections from outside, as
 * free_irq() does; actions release what sections use.  There is one drain for all of
 * them.
 */

#include <linux/pci.h>
#include <linux/slab.h>

#include "gate.h"

/**
 * struct gate_action - something to be done when a gate is closed
 * @node: in pci_gate.stops or pci_gate.actions
 * @action: what to do
 * @data: to what
 */
struct gate_action {
	struct hlist_node node;
	void (*action)(void *data);
	void *data;
};

static struct lock_class_key closed_key;

static int add(struct pci_gate *gate, struct hlist_head *list,
	       void (*action)(void *data), void *data)
{
	struct gate_action *a = kmalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return -ENOMEM;
	a->action = action;
	a->data = data;
	guard(mutex)(&gate->lock);
	if (gate->closed) {
		kfree(a);
		return -ENODEV;
	}
	hlist_add_head(&a->node, list);
	return 0;
}

/* The last one first.  Nobody adds to a list any more. */
static void run(struct hlist_head *list)
{
	struct gate_action *a;
	struct hlist_node *next;

	hlist_for_each_entry_safe(a, next, list, node) {
		a->action(a->data);
		kfree(a);
	}
	INIT_HLIST_HEAD(list);
}

/**
 * pci_gate_add_action - release something when nobody is inside any more
 * @gate: the gate
 * @action: releases it; called once, with no lock of the gate held, by
 *	pci_gate_close()
 * @data: for @action
 *
 * The last one that was added is called first, all of them after one drain.
 *
 * Context: Process context, sleeps.
 * Return: 0; -ENOMEM or, if the gate is being closed, -ENODEV: then @action is
 * not called.
 */
int pci_gate_add_action(struct pci_gate *gate, void (*action)(void *data),
			void *data)
{
	return add(gate, &gate->actions, action, data);
}
EXPORT_SYMBOL_GPL(pci_gate_add_action);

/**
 * pci_gate_add_stop - stop something before a gate is drained
 * @gate: the gate
 * @stop: stops what may be inside or enter again and again, such as an interrupt
 *	or a timer, and waits until it has stopped
 * @data: for @stop
 *
 * As pci_gate_add_action(), but called before the drain.  When the driver's
 * remove() runs it was not called yet, unless remove() calls pci_gate_close().
 *
 * Context: Process context, sleeps.
 * Return: That of pci_gate_add_action().
 */
int pci_gate_add_stop(struct pci_gate *gate, void (*stop)(void *data),
		      void *data)
{
	return add(gate, &gate->stops, stop, data);
}
EXPORT_SYMBOL_GPL(pci_gate_add_stop);

struct gate_mapping {
	struct pci_dev *pdev;
	void __iomem *addr;
};

static void unmap(void *data)
{
	struct gate_mapping *map = data;

	pci_iounmap(map->pdev, map->addr);
	kfree(map);
}

/**
 * pci_gate_iomap - map a BAR for as long as somebody is inside
 * @gate: the gate
 * @bar: number of the BAR
 * @maxlen: length to map, 0: all of it
 *
 * Context: Process context, sleeps.
 * Return: The mapping, to be used in sections of @gate only, or NULL.
 */
void __iomem *pci_gate_iomap(struct pci_gate *gate, int bar,
			     unsigned long maxlen)
{
	struct gate_mapping *map = kmalloc(sizeof(*map), GFP_KERNEL);

	if (!map)
		return NULL;
	map->pdev = gate->pdev;
	map->addr = pci_iomap(gate->pdev, bar, maxlen);
	if (!map->addr) {
		kfree(map);
		return NULL;
	}
	if (pci_gate_add_action(gate, unmap, map)) {
		unmap(map);
		return NULL;
	}
	return map->addr;
}
EXPORT_SYMBOL_GPL(pci_gate_iomap);

/* Is the caller the one who closes it? */
static bool closes(struct pci_gate *gate)
{
	guard(mutex)(&gate->lock);
	if (gate->closed)
		return false;
	WRITE_ONCE(gate->closed, true);
	return true;
}

/**
 * pci_gate_close - let nobody in any more, and release what hangs off a gate
 * @gate: the gate
 *
 * For a driver's remove(), before it frees what its sections use; otherwise it is
 * done when remove() has returned.  Device files end, if they have not before
 * remove(), what was added by pci_gate_add_stop() is called, the gate is drained
 * however long that takes, no cancel callback is called after that, and then come
 * those of pci_gate_add_action().  If it is being closed by somebody else waits until
 * that is done.
 *
 * Context: That of pci_gate_drain(), and not in a stop or an action.
 */
void pci_gate_close(struct pci_gate *gate)
{
	pci_gate_move(gate, PCI_GATE_CLOSE);
	/* He would wait for himself, or free what he is using. */
	if (WARN_ON_ONCE(pci_gate_inside(gate)))
		return;
	if (!closes(gate)) {
		/* Pairs with that below. */
		wait_var_event(&gate->state, smp_load_acquire(&gate->released));
		return;
	}
	pci_gate_close_files(gate);
	run(&gate->stops);
	if (pci_gate_drain(gate, MAX_SCHEDULE_TIMEOUT))
		return;
	pci_gate_disarm(gate);
	run(&gate->actions);
	/* From here on there may be another one. */
	pci_gate_unhash(gate);
	/* The driver, and its key, may be unloaded before the gate is freed. */
	pci_gate_dep_init(gate, "pci_gate_closed", &closed_key);
	/* What was released is, for who sees that. */
	smp_store_release(&gate->released, true);
	smp_mb(); /* wake_up_var() looks for waiters without a lock */
	wake_up_var(&gate->state);
}
EXPORT_SYMBOL_GPL(pci_gate_close);
