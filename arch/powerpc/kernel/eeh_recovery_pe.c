// SPDX-License-Identifier: GPL-2.0
/*
 * EEH back end of the PCI error recovery core: the PEs.
 *
 * A PE is known by its PHB and address, and is there for ever.  EEH's own
 * struct eeh_pe comes and goes with the functions; who uses it here pins it,
 * and it is freed when nobody does.
 */

#include <linux/pci.h>
#include <linux/pci_hotplug.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <asm/eeh_recovery.h>
#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>

#include "eeh_recovery.h"

/* By key(); entries are never removed. */
static DEFINE_XARRAY(eeh_rpes);

/* See struct eeh_rpe.  Taken in any context. */
static DEFINE_RAW_SPINLOCK(rpe_lock);

#define KEY_PHB		BIT(63)

static struct workqueue_struct *rpe_wq;

static unsigned long key(struct pci_controller *phb, int addr)
{
	return (unsigned long)phb->global_number << 32 | (u32)addr;
}

static unsigned long key_of(struct eeh_pe *epe)
{
	if (epe->type & EEH_PE_PHB)
		return KEY_PHB | key(epe->phb, 0);
	return key(epe->phb, epe->addr);
}

/* Any context.  NULL if the PE never had a function. */
struct eeh_rpe *eeh_rpe_at(struct pci_controller *phb, int addr)
{
	return xa_load(&eeh_rpes, key(phb, addr));
}

/* Any context.  NULL if the PE never had a function. */
struct eeh_rpe *eeh_rpe_of(struct eeh_pe *epe)
{
	return xa_load(&eeh_rpes, key_of(epe));
}

static void tidy(struct work_struct *work);

static struct eeh_rpe *rpe_create(struct eeh_pe *epe,
				  const struct pci_pe_ops *ops)
{
	struct eeh_rpe *rpe = kzalloc(sizeof(*rpe), GFP_KERNEL);

	if (!rpe)
		return NULL;
	INIT_LIST_HEAD(&rpe->orphans);
	INIT_WORK(&rpe->tidy, tidy);
	if (xa_reserve(&eeh_rpes, key_of(epe), GFP_KERNEL)) {
		kfree(rpe);
		return NULL;
	}
	if (epe->type & EEH_PE_PHB)
		pci_pe_init(&rpe->pe, ops, "PHB#%x", epe->phb->global_number);
	else
		pci_pe_init(&rpe->pe, ops, "PHB#%x-PE#%x",
			    epe->phb->global_number, epe->addr);
	/* An event may find it from here on. */
	xa_store(&eeh_rpes, key_of(epe), rpe, GFP_KERNEL);
	return rpe;
}

/*
 * What the core has for @epe, below what it has for the PEs above.  NULL when
 * memory is short.  May sleep; under the rescan/remove lock, or at boot.
 */
struct eeh_rpe *eeh_rpe_attach(struct eeh_pe *epe, const struct pci_pe_ops *ops)
{
	struct eeh_rpe *rpe, *below = NULL;
	struct eeh_pe *up;

	for (up = epe; up; up = up->parent) {
		rpe = eeh_rpe_of(up) ?: rpe_create(up, ops);
		if (!rpe)
			return NULL;
		scoped_guard(raw_spinlock_irqsave, &rpe_lock)
			rpe->epe = up;
		/* A PE that is in use stays where it is. */
		if (below && below->pe.parent != &rpe->pe &&
		    pci_pe_unused(&below->pe))
			pci_pe_set_parent(&below->pe, &rpe->pe);
		below = rpe;
	}
	return eeh_rpe_of(epe);
}

/* EEH's side of @rpe until eeh_rpe_put(); NULL if there is none.  Any context. */
struct eeh_pe *eeh_rpe_get(struct eeh_rpe *rpe)
{
	guard(raw_spinlock_irqsave)(&rpe_lock);
	if (!rpe->epe)
		return NULL;
	rpe->pins++;
	return rpe->epe;
}

/* Any context. */
void eeh_rpe_put(struct eeh_rpe *rpe)
{
	struct eeh_pe *epe, *next;
	LIST_HEAD(orphans);

	scoped_guard(raw_spinlock_irqsave, &rpe_lock) {
		if (!--rpe->pins)
			list_splice_init(&rpe->orphans, &orphans);
	}
	list_for_each_entry_safe(epe, next, &orphans, child)
		kfree(epe);
}

/**
 * eeh_recovery_free - EEH does not need a PE any more
 * @epe: the PE; not in EEH's tree any more
 *
 * Context: Any.
 */
void eeh_recovery_free(struct eeh_pe *epe)
{
	struct eeh_rpe *rpe = eeh_rpe_of(epe);

	scoped_guard(raw_spinlock_irqsave, &rpe_lock) {
		if (rpe && rpe->epe == epe) {
			rpe->epe = NULL;
			if (rpe->pins) {
				list_add(&epe->child, &rpe->orphans);
				epe = NULL;
			}
		}
	}
	kfree(epe);
}

/* The PE after @pe of those that are @root or below it, or NULL. */
struct pci_pe *eeh_rpe_next(struct pci_pe *pe, struct pci_pe *root)
{
	guard(rcu)();
	return pci_pe_next(pe, root);
}

/*
 * Call @fn for @root and each PE below that is ours, until one fails.  May
 * sleep, if @fn does.
 */
int eeh_rpe_for_each(struct pci_pe *root, int (*fn)(struct eeh_pe *epe))
{
	struct eeh_pe *epe;
	struct pci_pe *pe;
	int ret = 0;

	for (pe = root; pe && !ret; pe = eeh_rpe_next(pe, root)) {
		epe = eeh_rpe_get(to_eeh_rpe(pe));
		if (!epe)
			continue;
		if (!eeh_pe_passed(epe))
			ret = fn(epe);
		eeh_rpe_put(to_eeh_rpe(pe));
	}
	return ret;
}

/* Detection reads and writes the flags at the same time. */
static void change_flags(struct pci_pe *pe, int mark, int clear)
{
	struct eeh_pe *epe = eeh_rpe_get(to_eeh_rpe(pe));
	unsigned long flags;

	if (!epe)
		return;
	/* What was passed to a guest stays frozen. */
	if (eeh_pe_passed(epe))
		clear &= ~EEH_PE_ISOLATED;
	eeh_serialize_lock(&flags);
	if (!(epe->state & EEH_PE_REMOVED)) {
		epe->state = (epe->state | mark) & ~clear;
		if (clear & EEH_PE_ISOLATED) {
			epe->check_count = 0;
			if (epe->state & EEH_PE_CFG_RESTRICTED)
				epe->state &= ~EEH_PE_CFG_BLOCKED;
		}
	}
	eeh_serialize_unlock(flags);
	eeh_rpe_put(to_eeh_rpe(pe));
}

/*
 * As eeh_pe_state_mark(), which goes through a tree that hotplug may change at
 * the same time.  Any context.
 */
void eeh_rpe_mark(struct pci_pe *root, int flags)
{
	struct pci_pe *pe;

	for (pe = root; pe; pe = eeh_rpe_next(pe, root))
		change_flags(pe, flags, 0);
}

/* As eeh_pe_state_clear(), but error_state is the core's.  Any context. */
void eeh_rpe_clear(struct pci_pe *root, int flags)
{
	struct pci_pe *pe;

	for (pe = root; pe; pe = eeh_rpe_next(pe, root))
		change_flags(pe, 0, flags);
}

/* A PE that lost its functions while it was recovered, with no PE below. */
static struct eeh_pe *find_stale(struct eeh_pe *root)
{
	struct eeh_pe *epe;

	eeh_for_each_pe(root, epe) {
		if ((epe->type & EEH_PE_INVALID) &&
		    !(epe->state & (EEH_PE_KEEP | EEH_PE_RECOVERING)) &&
		    list_empty(&epe->edevs) && list_empty(&epe->child_list))
			return epe;
	}
	return NULL;
}

static void clear_attention(struct eeh_dev *edev, void *data)
{
	struct pci_dev *pdev = eeh_dev_to_pci_dev(edev);
	const struct hotplug_slot_ops *ops = NULL;

	if (pdev && pdev->slot && pdev->slot->hotplug)
		ops = pdev->slot->hotplug->ops;
	if (ops && ops->set_attention_status)
		ops->set_attention_status(pdev->slot->hotplug, 0);
}

/*
 * After an episode, when nobody waits for it any more: the attention indicator
 * goes off, and what EEH did not free while it was recovered is freed, as in
 * eeh_pe_cleanup().
 */
static void tidy(struct work_struct *work)
{
	struct eeh_rpe *rpe = container_of(work, struct eeh_rpe, tidy);
	struct eeh_pe *stale, *phb_pe, *epe = eeh_rpe_get(rpe);

	pci_lock_rescan_remove();
	if (epe) {
		if (pci_pe_state(&rpe->pe) == PCI_PE_LIVE)
			eeh_pe_dev_traverse(epe, clear_attention, NULL);
		phb_pe = eeh_phb_pe_get(epe->phb);
		while (phb_pe && (stale = find_stale(phb_pe))) {
			list_del(&stale->child);
			eeh_recovery_free(stale);
		}
		eeh_rpe_put(rpe);
	}
	pci_unlock_rescan_remove();
	/* It has kept the PHB from being freed. */
	pci_dev_put(xchg(&rpe->tidy_dev, NULL));
}

/* Have @rpe tidied up.  @pdev: of it; NULL if it has no function any more. */
void eeh_rpe_tidy(struct eeh_rpe *rpe, struct pci_dev *pdev)
{
	if (!pdev)
		return;
	pci_dev_put(xchg(&rpe->tidy_dev, pci_dev_get(pdev)));
	queue_work(rpe_wq, &rpe->tidy);
}

static int __init eeh_rpe_init(void)
{
	rpe_wq = alloc_workqueue("eeh_recovery", WQ_UNBOUND, 0);
	return rpe_wq ? 0 : -ENOMEM;
}
arch_initcall(eeh_rpe_init);
