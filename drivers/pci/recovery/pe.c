// SPDX-License-Identifier: GPL-2.0
/*
 * Which PCI functions are in which PE.
 *
 * A PE is there as long as the platform, its functions come and go.  Reports
 * read the lists from any context, so they are RCU lists; a function keeps its
 * pci_dev until nobody can be looking at it.
 */

#define pr_fmt(fmt) "pci_recovery: " fmt

#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "recovery.h"

#define PLATFORMS 2

static const struct pci_pe_ops *platforms[PLATFORMS];

/* Every PE, for debugfs; grows under pe_mutex. */
static LIST_HEAD(pe_list);
static DEFINE_MUTEX(pe_mutex);

/* Every function, by its pci_dev; written under fn_lock, read under RCU. */
static DEFINE_HASHTABLE(fn_hash, 8);
static DEFINE_SPINLOCK(fn_lock);

/**
 * pci_recovery_register - give the core a platform
 * @ops: the platform; kept for ever
 *
 * To be called from an initcall before the platform's functions are scanned.
 * There is no way back: a platform is not a module.
 *
 * Context: Process context, initcalls only.
 * Return: 0, or -ENOSPC when there are too many platforms.
 */
int __init pci_recovery_register(const struct pci_pe_ops *ops)
{
	int i;

	for (i = 0; i < PLATFORMS; i++) {
		if (!platforms[i]) {
			platforms[i] = ops;
			return 0;
		}
	}
	return -ENOSPC;
}

/**
 * pci_pe_init - set up a PE
 * @pe: memory that is zero and is never freed
 * @ops: the platform that it belongs to
 * @fmt: its name, as for printf(); at most 23 characters are kept
 *
 * Context: Process context; takes a mutex.
 */
void pci_pe_init(struct pci_pe *pe, const struct pci_pe_ops *ops,
		 const char *fmt, ...)
{
	va_list args;

	pe->ops = ops;
	va_start(args, fmt);
	vscnprintf(pe->name, sizeof(pe->name), fmt, args);
	va_end(args);
	INIT_LIST_HEAD(&pe->children);
	INIT_LIST_HEAD(&pe->fns);
	spin_lock_init(&pe->lock);
	INIT_WORK(&pe->work, pci_recovery_work);
	pci_watch_init(&pe->watch);
	pe->auto_recover = true;
	pe->max_freezes = pci_recovery_max_freezes;
	mutex_lock(&pe_mutex);
	list_add_tail_rcu(&pe->node, &pe_list);
	mutex_unlock(&pe_mutex);
}

/* Without a lock: what is in the list stays, and visitors may sleep. */
int pci_pe_for_each(int (*visit)(struct pci_pe *pe, void *data), void *data)
{
	struct pci_pe *pe;
	int ret = 0;

	list_for_each_entry_rcu(pe, &pe_list, node, true) {
		ret = visit(pe, data);
		if (ret)
			break;
	}
	return ret;
}

static void fn_free(struct kref *ref)
{
	struct pci_pe_fn *fn = container_of(ref, struct pci_pe_fn, ref);

	kfree(fn->stash);
	pci_dev_put(fn->pdev);
	kfree(fn);
}

void pci_fn_get(struct pci_pe_fn *fn)
{
	kref_get(&fn->ref);
}

/* May sleep: the last reference of a pci_dev may go with it. */
void pci_fn_put(struct pci_pe_fn *fn)
{
	kref_put(&fn->ref, fn_free);
}

/*
 * Whoever removes the function drops its reference under the rescan/remove
 * lock.  If that is the last, 6.12 takes zpci_add_remove_lock inside of it,
 * which closes a cycle (4cb92fa76382 in later kernels).  So ours is the last.
 */
static void fn_release(struct work_struct *work)
{
	pci_lock_rescan_remove();
	pci_unlock_rescan_remove();
	pci_fn_put(container_of(to_rcu_work(work), struct pci_pe_fn, release));
}

/* The PE of @pdev, or NULL when no platform manages it.  Any context, under RCU. */
struct pci_pe *pci_pe_find_rcu(struct pci_dev *pdev)
{
	struct pci_pe_fn *fn;

	hash_for_each_possible_rcu(fn_hash, fn, hash, (unsigned long)pdev) {
		if (fn->pdev == pdev)
			return fn->pe;
	}
	return NULL;
}

/*
 * The function of @pdev with a reference, or NULL when no platform manages it.
 * Any context.
 */
struct pci_pe_fn *pci_fn_find(struct pci_dev *pdev)
{
	struct pci_pe_fn *fn;

	guard(rcu)();
	hash_for_each_possible_rcu(fn_hash, fn, hash, (unsigned long)pdev) {
		if (fn->pdev == pdev && kref_get_unless_zero(&fn->ref))
			return fn;
	}
	return NULL;
}

/**
 * pci_pe_dev_rcu - a PCI function of a PE, for a moment
 * @pe: the PE
 *
 * Context: Any, inside an RCU read-side section, at whose end the pci_dev may
 * be freed.
 * Return: The first function of it and the PEs below, or NULL if there is none
 * at the moment.
 */
struct pci_dev *pci_pe_dev_rcu(struct pci_pe *pe)
{
	struct pci_pe_fn *fn;
	struct pci_pe *p;

	for_each_pe(p, pe) {
		/* In the list or just taken off, it keeps its pci_dev. */
		fn = list_first_or_null_rcu(&p->fns, struct pci_pe_fn, node);
		if (fn)
			return fn->pdev;
	}
	return NULL;
}

/**
 * pci_pe_get_dev - a PCI function of a PE
 * @pe: the PE
 *
 * Context: Any.
 * Return: The first function with a reference for the caller, or NULL if there
 * is none at the moment.
 */
struct pci_dev *pci_pe_get_dev(struct pci_pe *pe)
{
	guard(rcu)();
	return pci_dev_get(pci_pe_dev_rcu(pe));
}

static struct pci_pe *pe_find(struct pci_dev *pdev)
{
	struct pci_pe *pe;
	int i;

	for (i = 0; i < PLATFORMS && platforms[i]; i++) {
		pe = platforms[i]->find(pdev);
		if (pe)
			return pe;
	}
	return NULL;
}

/*
 * A PE that gets a function is there, and so are those above it.  The errors
 * that it had were those of another card, unless a recovery brings it back.
 */
static void fn_first(struct pci_pe *pe)
{
	int dead;

	if (!READ_ONCE(pe->running))
		pe->freezes = 0;
	atomic_set_release(&pe->state, PCI_PE_LIVE);
	while ((pe = pe->parent)) {
		dead = PCI_PE_DEAD;
		atomic_try_cmpxchg(&pe->state, &dead, PCI_PE_LIVE);
	}
}

/**
 * pci_recovery_add - a platform found the PE of a function
 * @pdev: the function
 *
 * For platforms that know the PE of a function only some time after it was
 * added to the bus: they return NULL from their find() until then.
 *
 * Context: Process context, before a driver binds to @pdev.
 */
void pci_recovery_add(struct pci_dev *pdev)
{
	struct pci_pe *pe = pe_find(pdev);
	struct pci_pe_fn *fn;

	if (!pe)
		return;
	fn = kzalloc(sizeof(*fn), GFP_KERNEL);
	if (!fn) {
		pci_warn(pdev, "no memory, errors will not be recovered\n");
		return;
	}
	kref_init(&fn->ref);
	fn->pe = pe;
	fn->pdev = pci_dev_get(pdev);
	pci_fn_identify(pdev, &fn->id);
	INIT_RCU_WORK(&fn->release, fn_release);

	spin_lock_irq(&pe->lock);
	/* A new device in the place of one that was given up, or is gone. */
	if (list_empty(&pe->fns))
		fn_first(pe);
	list_add_tail_rcu(&fn->node, &pe->fns);
	spin_unlock_irq(&pe->lock);

	spin_lock(&fn_lock);
	hash_add_rcu(fn_hash, &fn->hash, (unsigned long)pdev);
	spin_unlock(&fn_lock);

	if (device_add_group(&pdev->dev, &pci_recovery_group))
		pci_warn(pdev, "no recovery/ in sysfs\n");
}

static void fn_del(struct pci_dev *pdev)
{
	struct pci_pe_fn *fn = pci_fn_find(pdev);
	struct pci_pe *pe;

	if (!fn)
		return;
	device_remove_group(&pdev->dev, &pci_recovery_group);

	spin_lock(&fn_lock);
	hash_del_rcu(&fn->hash);
	spin_unlock(&fn_lock);

	spin_lock_irq(&fn->pe->lock);
	list_del_rcu(&fn->node);
	WRITE_ONCE(fn->left, true);
	/* An episode under way may give up, and waiters with it. */
	if (list_empty(&fn->pe->fns))
		pci_pe_move(fn->pe, PCI_PE_DEAD);
	spin_unlock_irq(&fn->pe->lock);
	/* A bridge with nothing behind it any more. */
	scoped_guard(rcu) {
		for (pe = fn->pe->parent; pe && !pci_pe_dev_rcu(pe);
		     pe = pe->parent)
			pci_pe_move(pe, PCI_PE_DEAD);
	}

	queue_rcu_work(pci_recovery_aux_wq, &fn->release);
	pci_fn_put(fn);
}

/*
 * A driver is about to be unbound, by whomever.  Its remove() may wait for a
 * register of a frozen device to change, which reads all-ones, with every lock
 * there is: let MMIO answer.  DMA stays as it is.
 */
static void fn_revive(struct pci_pe *pe)
{
	/* What is frozen may be the bridge. */
	for (; pe; pe = pe->parent) {
		if (pci_pe_state(pe) != PCI_PE_LIVE &&
		    pe->ops->state(pe) == PCI_PE_HW_FROZEN)
			pe->ops->thaw_mmio(pe);
	}
}

static int pe_notify(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct pci_pe_fn *fn;

	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		pci_recovery_add(pdev);
		break;
	case BUS_NOTIFY_BIND_DRIVER:
		fn = pci_fn_find(pdev);
		if (fn) {
			/* It was not told anything yet. */
			fn->given_up = false;
			pci_stash_take(fn);
			pci_fn_put(fn);
		}
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
		fn = pci_fn_find(pdev);
		if (fn) {
			fn_revive(fn->pe);
			pci_fn_put(fn);
		}
		break;
	case BUS_NOTIFY_DEL_DEVICE:
		fn_del(pdev);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block pe_nb = { .notifier_call = pe_notify };

/* After the bus type is there, before any platform scans its functions. */
static int __init pe_init(void)
{
	if (!pci_recovery_enabled())
		return 0;
	pci_recovery_aux_wq = alloc_workqueue("pci_recovery_aux", WQ_UNBOUND,
					      WQ_MAX_ACTIVE);
	if (!pci_recovery_aux_wq || pci_recovery_init_queues() ||
	    pci_window_init())
		return -ENOMEM;
	return bus_register_notifier(&pci_bus_type, &pe_nb);
}
arch_initcall(pe_init);
