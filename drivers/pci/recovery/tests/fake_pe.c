// SPDX-License-Identifier: GPL-2.0
/*
 * The fake platform: its PEs, and struct pci_pe_ops.
 *
 * PEs are taken from a pool and put back, because the core never forgets one.
 */

#define pr_fmt(fmt) "pci_recovery_fake: " fmt

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "fake.h"
#include "../recovery.h"

/* Entries are made when they are needed, and stay. */
static struct fake_pe *pool[FAKE_PES];
static DEFINE_MUTEX(pool_mutex);

struct fake_pe *fake_pe_at(unsigned int index)
{
	return index < FAKE_PES ? READ_ONCE(pool[index]) : NULL;
}

/* NULL if @pdev is not one of ours. */
struct fake_fn *fake_fn_of(struct pci_dev *pdev)
{
	struct fake_pe *fpe;

	if (pdev->bus->ops != &fake_config_ops)
		return NULL;
	fpe = fake_pe_at((pci_domain_nr(pdev->bus) - FAKE_DOMAIN) * FAKE_SLOTS +
			 PCI_SLOT(pdev->devfn));
	return fpe ? &fpe->fn[PCI_FUNC(pdev->devfn)] : NULL;
}

/* Own state, or that of one above it if that is worse.  Any context. */
enum pci_pe_hw_state fake_state(struct fake_pe *fpe)
{
	enum pci_pe_hw_state hw = READ_ONCE(fpe->hw);
	struct pci_pe *parent;

	for (parent = fpe->pe.parent; parent; parent = parent->parent) {
		if (READ_ONCE(to_fake_pe(parent)->hw) == PCI_PE_HW_FROZEN &&
		    hw != PCI_PE_HW_GONE)
			hw = PCI_PE_HW_FROZEN;
	}
	return hw;
}

/* The next PE below @root, after @fpe or the first if that is NULL. */
struct fake_pe *fake_below(struct fake_pe *root, struct fake_pe *fpe)
{
	unsigned int i = fpe ? fpe->index + 1 : 0;
	struct pci_pe *parent;

	if (list_empty(&root->pe.children))
		return NULL;
	for (fpe = fake_pe_at(i); fpe; fpe = fake_pe_at(++i)) {
		for (parent = fpe->pe.parent; parent; parent = parent->parent) {
			if (parent == &root->pe)
				return fpe;
		}
	}
	return NULL;
}

/* @fpe is there, and has no error. */
void fake_power_on(struct fake_pe *fpe)
{
	guard(spinlock_irqsave)(&fpe->hw_lock);
	WRITE_ONCE(fpe->hw, PCI_PE_HW_NORMAL);
}

static struct pci_pe *op_find(struct pci_dev *pdev)
{
	struct fake_fn *fn = fake_fn_of(pdev);

	return fn && !fn->fpe->late ? &fn->fpe->pe : NULL;
}

/* Each operation begins here: count it, let the test act, fail if told to. */
int fake_op_enter(struct fake_pe *fpe, enum fake_op op)
{
	void (*hook)(struct fake_pe *fpe, enum fake_op op);
	struct fake_fault *fault = &fpe->fault[op];
	int error = 0;

	atomic_inc(&fpe->calls[op]);
	hook = READ_ONCE(fpe->hook);
	if (hook)
		hook(fpe, op);
	guard(spinlock_irqsave)(&fpe->hw_lock);
	if (!fault->times)
		return 0;
	if (fault->skip) {
		fault->skip--;
	} else {
		fault->times--;
		error = fault->error;
	}
	return error;
}

static int op_lock(struct pci_pe *pe)
{
	struct fake_pe *fpe = to_fake_pe(pe);
	int ret;

	ret = fake_op_enter(fpe, FAKE_LOCK);
	if (ret)
		return ret;
	mutex_lock(&fpe->lock);
	return 0;
}

static void op_unlock(struct pci_pe *pe)
{
	mutex_unlock(&to_fake_pe(pe)->lock);
}

/* Move the state of one PE, unless the functions are gone. */
static int hw_move_one(struct fake_pe *fpe, enum pci_pe_hw_state from,
		       enum pci_pe_hw_state to)
{
	guard(spinlock_irqsave)(&fpe->hw_lock);
	if (fpe->hw == PCI_PE_HW_GONE)
		return -ENODEV;
	if (fpe->hw == from)
		WRITE_ONCE(fpe->hw, to);
	return fpe->hw == to ? 0 : -EIO;
}

/* And of those below it that are in the same state. */
static int hw_move(struct fake_pe *root, enum pci_pe_hw_state from,
		   enum pci_pe_hw_state to)
{
	struct fake_pe *fpe;
	int ret;

	ret = hw_move_one(root, from, to);
	if (ret)
		return ret;
	for (fpe = fake_below(root, NULL); fpe;
	     fpe = fake_below(root, fpe))
		hw_move_one(fpe, from, to);
	return 0;
}

static int op_freeze(struct pci_pe *pe)
{
	struct fake_pe *fpe = to_fake_pe(pe);

	lockdep_assert_held(&fpe->lock);
	return fake_op_enter(fpe, FAKE_FREEZE);
}

static int op_thaw_mmio(struct pci_pe *pe)
{
	struct fake_pe *fpe = to_fake_pe(pe);

	return fake_op_enter(fpe, FAKE_THAW_MMIO) ?:
	       hw_move(fpe, PCI_PE_HW_FROZEN, PCI_PE_HW_MMIO);
}

static int op_thaw_dma(struct pci_pe *pe)
{
	struct fake_pe *fpe = to_fake_pe(pe);

	return fake_op_enter(fpe, FAKE_THAW_DMA) ?:
	       hw_move(fpe, PCI_PE_HW_MMIO, PCI_PE_HW_NORMAL);
}

/* The hardware of @fpe is as new. */
static int hw_reset(struct fake_pe *fpe)
{
	struct fake_fn *fn;

	for (fn = fpe->fn; fn < fpe->fn + FAKE_FNS; fn++) {
		if (READ_ONCE(fn->pdev))
			fake_config_reset(fn, READ_ONCE(fpe->change));
	}
	guard(spinlock_irqsave)(&fpe->hw_lock);
	if (fpe->hw == PCI_PE_HW_GONE)
		return -ENODEV;
	WRITE_ONCE(fpe->hw, PCI_PE_HW_NORMAL);
	return 0;
}

static int op_reset(struct pci_pe *pe, enum pci_pe_reset depth)
{
	struct fake_pe *below, *fpe = to_fake_pe(pe);
	int ret;

	lockdep_assert_held(&fpe->lock);

	WARN_ON_ONCE(atomic_inc_return(&fpe->in_reset) != 1);
	ret = fake_op_enter(fpe, depth == PCI_PE_RESET_HOT ? FAKE_RESET :
							FAKE_DEEP_RESET);
	if (!ret && READ_ONCE(fpe->reset_ms))
		msleep(fpe->reset_ms);
	if (!ret)
		ret = hw_reset(fpe);
	/* And all that is below, unless it is gone. */
	if (!ret) {
		for (below = fake_below(fpe, NULL); below;
		     below = fake_below(fpe, below))
			hw_reset(below);
	}
	atomic_dec(&fpe->in_reset);
	return ret;
}

/* The worst of it and of those below. */
static enum pci_pe_hw_state op_state(struct pci_pe *pe)
{
	enum pci_pe_hw_state below, hw = fake_state(to_fake_pe(pe));
	struct fake_pe *fpe;

	if (hw == PCI_PE_HW_GONE)
		return hw;
	for (fpe = fake_below(to_fake_pe(pe), NULL); fpe;
	     fpe = fake_below(to_fake_pe(pe), fpe)) {
		below = READ_ONCE(fpe->hw);
		if (below == PCI_PE_HW_FROZEN ||
		    (below == PCI_PE_HW_MMIO && hw == PCI_PE_HW_NORMAL))
			hw = below;
	}
	return hw;
}

static bool op_refuse(struct pci_pe *pe)
{
	return READ_ONCE(to_fake_pe(pe)->refuse);
}

static int op_rescan(struct pci_pe *pe)
{
	struct fake_pe *below, *fpe = to_fake_pe(pe);
	int ret;

	ret = fake_op_enter(fpe, FAKE_RESCAN) ?:
	      hw_move_one(fpe, READ_ONCE(fpe->hw), PCI_PE_HW_NORMAL);
	if (ret)
		return ret;
	for (below = fake_below(fpe, NULL); below;
	     below = fake_below(fpe, below))
		hw_move_one(below, READ_ONCE(below->hw), PCI_PE_HW_NORMAL);
	return fake_rescan(fpe);
}

static void op_report(struct pci_pe *pe, struct pci_dev *pdev,
		      enum pci_recovery_outcome outcome)
{
	to_fake_pe(pe)->told = outcome;
	fake_op_enter(to_fake_pe(pe), FAKE_REPORT);
}

const struct pci_pe_ops fake_ops = {
	.name		= "fake",
	.find		= op_find,
	.lock		= op_lock,
	.unlock		= op_unlock,
	.freeze		= op_freeze,
	.thaw_mmio	= op_thaw_mmio,
	.thaw_dma	= op_thaw_dma,
	.reset		= op_reset,
	.state		= op_state,
	.refuse		= op_refuse,
	.rescan		= op_rescan,
	.report		= op_report,
};

static struct fake_pe *pe_create(unsigned int index)
{
	struct fake_pe *fpe = kvzalloc(sizeof(*fpe), GFP_KERNEL);
	int i;

	if (!fpe)
		return NULL;
	fpe->index = index;
	mutex_init(&fpe->lock);
	spin_lock_init(&fpe->hw_lock);
	spin_lock_init(&fpe->log.lock);
	for (i = 0; i < FAKE_FNS; i++)
		fpe->fn[i].fpe = fpe;
	pci_pe_init(&fpe->pe, &fake_ops, "fake-%u", index);
	return fpe;
}

/* As a PE that never failed, and functions whose drivers ask for a reset. */
static void pe_renew(struct fake_pe *fpe)
{
	struct fake_fn *fn;
	int i;

	fpe->hw = PCI_PE_HW_NORMAL;
	memset(fpe->fault, 0, sizeof(fpe->fault));
	memset(fpe->calls, 0, sizeof(fpe->calls));
	fpe->change = FAKE_SAME;
	fpe->reset_ms = 0;
	fpe->refuse = false;
	fpe->late = false;
	atomic_set(&fpe->error_in, 0);
	fpe->priv = NULL;
	WRITE_ONCE(fpe->hook, NULL);
	WRITE_ONCE(fpe->step_hook, NULL);
	fpe->log.last_only = false;
	fpe->pe.ops = &fake_ops;
	fpe->pe.auto_recover = true;
	fpe->pe.max_freezes = pci_recovery_max_freezes;
	fpe->pe.limited = false;
	fpe->pe.freezes = 0;
	for (fn = fpe->fn; fn < fpe->fn + FAKE_FNS; fn++) {
		memset(fn->ms, 0, sizeof(fn->ms));
		memset(fn->called, 0, sizeof(fn->called));
		atomic_set(&fn->fail_probes, 0);
		fn->probe_error = -EIO;
		WRITE_ONCE(fn->hook, NULL);
		for (i = 0; i < FAKE_NR_CALLS; i++)
			fn->vote[i] = PCI_ERS_RESULT_RECOVERED;
		fn->vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_NEED_RESET;
	}
	fake_log_clear(fpe);
}

/* Was the core switched off at boot?  Then nothing recovers. */
bool fake_is_off(void)
{
	return !pci_recovery_enabled();
}
EXPORT_SYMBOL_GPL(fake_is_off);

/*
 * Take a PE without functions, below @parent if that is not NULL.  NULL if there
 * is none.  May sleep.
 */
struct fake_pe *fake_pe_get(struct fake_pe *parent)
{
	struct fake_pe *fpe = NULL;
	unsigned int i;

	guard(mutex)(&pool_mutex);
	for (i = 0; i < FAKE_PES; i++) {
		if (!pool[i])
			WRITE_ONCE(pool[i], pe_create(i));
		fpe = pool[i];
		if (!fpe || !fpe->taken)
			break;
		fpe = NULL;
	}
	if (!fpe)
		return NULL;
	fpe->taken = true;
	pe_renew(fpe);
	pci_pe_set_parent(&fpe->pe, parent ? &parent->pe : NULL);
	return fpe;
}
EXPORT_SYMBOL_GPL(fake_pe_get);

/* Take the functions out, and put the PE back when nothing runs.  May sleep. */
void fake_pe_put(struct fake_pe *fpe)
{
	struct fake_fn *fn;

	if (!fpe)
		return;
	for (fn = fpe->fn; fn < fpe->fn + FAKE_FNS; fn++) {
		WRITE_ONCE(fn->hook, NULL);
		fake_fn_del(fn);
	}
	WRITE_ONCE(fpe->hook, NULL);
	WRITE_ONCE(fpe->step_hook, NULL);
	fake_idle(fpe);
	pci_pe_set_parent(&fpe->pe, NULL);
	guard(mutex)(&pool_mutex);
	fpe->taken = false;
}
EXPORT_SYMBOL_GPL(fake_pe_put);

/* The hardware isolates @fpe; nobody is told.  Any context. */
void fake_freeze(struct fake_pe *fpe)
{
	guard(spinlock_irqsave)(&fpe->hw_lock);
	atomic_inc(&fpe->freezes);
	if (fpe->hw != PCI_PE_HW_GONE)
		WRITE_ONCE(fpe->hw, PCI_PE_HW_FROZEN);
}
EXPORT_SYMBOL_GPL(fake_freeze);

/* An error as it is: isolated, and reported.  Any context. */
bool fake_error(struct fake_pe *fpe)
{
	fake_freeze(fpe);
	return pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
}
EXPORT_SYMBOL_GPL(fake_error);

/* Pulled out: nothing answers, and the platform says so.  Any context. */
void fake_gone(struct fake_pe *fpe)
{
	scoped_guard(spinlock_irqsave, &fpe->hw_lock)
		WRITE_ONCE(fpe->hw, PCI_PE_HW_GONE);
	pci_recovery_gone(&fpe->pe, true);
}
EXPORT_SYMBOL_GPL(fake_gone);

/* What the platform does next: the drivers go first.  May sleep. */
void fake_release(struct fake_pe *fpe)
{
	pci_recovery_release(&fpe->pe);
}
EXPORT_SYMBOL_GPL(fake_release);

/* @op fails with @error, @times times, after @skip times that do not. */
void fake_fail(struct fake_pe *fpe, enum fake_op op, unsigned int skip,
	       unsigned int times, int error)
{
	guard(spinlock_irqsave)(&fpe->hw_lock);
	fpe->fault[op].skip = skip;
	fpe->fault[op].times = times;
	fpe->fault[op].error = error;
}
EXPORT_SYMBOL_GPL(fake_fail);

/* Nothing runs any more for @fpe, nor for those it is below.  May sleep. */
void fake_idle(struct fake_pe *fpe)
{
	struct pci_pe *pe;

	for (pe = &fpe->pe; pe; pe = pe->parent)
		flush_work(&pe->work);
	/* What the end of an episode above has queued. */
	flush_work(&fpe->pe.work);
}
EXPORT_SYMBOL_GPL(fake_idle);

/* What is stuck, as sysfs says; false if nothing is. */
bool fake_stalled(struct fake_pe *fpe, char *buf, size_t size)
{
	return pci_watch_stalled(&fpe->pe, buf, size);
}
EXPORT_SYMBOL_GPL(fake_stalled);

/* What the platform is told of a PE.  Any context. */
bool fake_busy(struct fake_pe *fpe)
{
	return pci_pe_busy(&fpe->pe);
}
EXPORT_SYMBOL_GPL(fake_busy);

/* The platform finds out whose @fn is, after it was added.  May sleep. */
void fake_found(struct fake_fn *fn)
{
	fn->fpe->late = false;
	pci_recovery_add(fn->pdev);
}
EXPORT_SYMBOL_GPL(fake_found);

/* Deadlines for all PEs. */
void fake_limits(unsigned int callback_ms, unsigned int rescue_ms)
{
	WRITE_ONCE(pci_recovery_callback_ms, callback_ms);
	WRITE_ONCE(pci_recovery_rescue_ms, rescue_ms);
}
EXPORT_SYMBOL_GPL(fake_limits);

/* Before the platforms of the architecture: those know no fake functions. */
static int __init fake_init(void)
{
	return pci_recovery_register(&fake_ops);
}
core_initcall(fake_init);
