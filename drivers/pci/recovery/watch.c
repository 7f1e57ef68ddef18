// SPDX-License-Identifier: GPL-2.0
/*
 * The step that a PE's worker is in: its trace event and its deadline.
 *
 * The worker runs the drivers' code itself, so it cannot look after it.  A
 * delayed work does: it names the driver and the call that overran its limit,
 * in the log, the trace and sysfs.  The PE stays as it is until the call returns;
 * the episode goes on then.
 *
 * A call may wait for a device that froze, or froze again, under it: a
 * remove() that was running when the error came, a resume() that met the next
 * error.  The watchdog thaws such a device, first MMIO and then DMA, so that
 * it answers and the driver's own timeouts can act.
 */

#define pr_fmt(fmt) "pci_recovery: " fmt

#include <linux/jiffies.h>
#include <linux/wait_bit.h>
#include <trace/events/pci_recovery.h>

#include "recovery.h"

#define RESCUES 4

/**
 * struct pci_watched - what the watchdog is to know of a step
 * @name: for the log
 * @meant: as far as this the device is meant to be frozen during the step
 * @lock: the step waits for a lock, maybe one that a remove() holds which waits
 *	for this device
 */
struct pci_watched {
	const char *name;
	enum pci_pe_hw_state meant;
	bool lock;
};

static struct pci_pe *watch_pe(struct pci_recovery_watch *watch)
{
	return container_of(watch, struct pci_pe, watch);
}

static const char *first_name(struct pci_pe *pe, struct pci_dev *pdev)
{
	return pdev ? pci_name(pdev) : pe->name;
}

/* Report, once, that the step is past its limit.  Under the watch's lock. */
static void watch_overrun(struct pci_recovery_watch *watch,
			  struct pci_dev *pdev)
{
	struct pci_pe *pe = watch_pe(watch);
	unsigned int ms = jiffies_to_msecs(jiffies - watch->since);

	lockdep_assert_held(&watch->lock);

	WRITE_ONCE(watch->overran, true);
	pr_err("%s: %s%s%s still running after %u.%u s\n",
	       first_name(pe, pdev), watch->driver, *watch->driver ? " " : "",
	       watch->step, ms / 1000, ms % 1000 / 100);
	trace_pci_recovery_step(watch->ep->id, first_name(pe, pdev),
				*watch->driver ? watch->driver : "-",
				PCI_STEP_STALL, -ETIMEDOUT,
				1000ULL * ms);
	smp_mb(); /* wake_up_var() looks for waiters without a lock */
	wake_up_var(&pe->episodes);
}

/* Is somebody inside a function of @root, when it is not the worker? */
static bool watch_occupied(struct pci_pe *root)
{
	struct pci_pe_fn *fn;
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, root) {
		list_for_each_entry_rcu(fn, &pe->fns, node) {
			if (mutex_is_locked(&fn->pdev->dev.mutex))
				return true;
		}
	}
	return false;
}

/* Thaw one step further; -EALREADY if it is not frozen further than it should. */
static int watch_thaw(struct pci_pe *pe, const struct pci_watched *what)
{
	enum pci_pe_hw_state hw = pe->ops->state(pe);
	bool first;
	int ret;

	if (hw != PCI_PE_HW_FROZEN &&
	    (hw != PCI_PE_HW_MMIO || what->meant != PCI_PE_HW_NORMAL))
		return -EALREADY;
	/* Before the thaw, which lets the worker go on to a reset. */
	first = !test_and_set_bit(PE_RESCUED, &pe->flags);
	if (hw == PCI_PE_HW_FROZEN)
		ret = pe->ops->thaw_mmio(pe);
	else
		ret = pe->ops->thaw_dma(pe);
	if (ret && first)
		clear_bit(PE_RESCUED, &pe->flags);
	if (!ret && hw == PCI_PE_HW_MMIO)
		pci_pe_publish(pe, pci_channel_io_normal);
	return ret;
}

/* A step takes long: is that because the device does not answer? */
static void watch_rescue(struct pci_pe *pe, const struct pci_watched *what,
			 u32 episode, const char *driver, struct pci_dev *pdev)
{
	ktime_t begin = ktime_get();
	int ret;

	if (what->lock && !watch_occupied(pe))
		return;
	ret = watch_thaw(pe, what);
	if (ret == -EALREADY)
		return;
	if (!ret)
		pr_warn("%s: device is frozen under %s, thawed it\n",
			first_name(pe, pdev), *driver ? driver : "somebody");
	trace_pci_recovery_step(episode, first_name(pe, pdev),
				*driver ? driver : "-", PCI_STEP_RESCUE, ret,
				ktime_us_delta(ktime_get(), begin));
}

static void watch_work(struct work_struct *work)
{
	struct pci_recovery_watch *watch =
		container_of(to_delayed_work(work), struct pci_recovery_watch, work);
	struct pci_pe *pe = watch_pe(watch);
	struct pci_dev *pdev = pci_pe_get_dev(pe);
	unsigned long limit = msecs_to_jiffies(pci_recovery_callback_ms);
	unsigned long spent, next;
	const struct pci_watched *what = NULL;
	char driver[sizeof(watch->driver)];
	u32 episode = 0;

	spin_lock_irq(&watch->lock);
	if (!watch->step) {
		spin_unlock_irq(&watch->lock);
		pci_dev_put(pdev);
		return;
	}
	spent = jiffies - watch->since;
	if (spent >= limit && !watch->overran)
		watch_overrun(watch, pdev);
	if (spent >= watch->rescue_after * (watch->rescues + 1) &&
	    watch->rescues < RESCUES) {
		watch->rescues++;
		what = watch->what;
		episode = watch->ep->id;
		strscpy(driver, watch->driver);
	}
	next = watch->rescues < RESCUES ? watch->rescue_after : limit;
	if (!watch->overran)
		next = min(next, limit > spent ? limit - spent : 1);
	queue_delayed_work(pci_recovery_aux_wq, &watch->work, max(next, 1UL));
	spin_unlock_irq(&watch->lock);

	if (what)
		watch_rescue(pe, what, episode, driver, pdev);
	pci_dev_put(pdev);
}

void pci_watch_init(struct pci_recovery_watch *watch)
{
	spin_lock_init(&watch->lock);
	INIT_DELAYED_WORK(&watch->work, watch_work);
}

static void watch_begin(struct pci_episode *ep, struct pci_pe_fn *fn,
			const struct pci_watched *what)
{
	struct pci_recovery_watch *watch = &ep->pe->watch;
	unsigned int limit = pci_recovery_callback_ms;
	unsigned int rescue = pci_recovery_rescue_ms;

	/* Where it is meant to be frozen, only when the step is overdue. */
	if (what->meant == PCI_PE_HW_FROZEN)
		rescue = limit;
	spin_lock_irq(&watch->lock);
	watch->ep = ep;
	watch->what = what;
	watch->step = what->name;
	strscpy(watch->driver, fn && fn->driver ? fn->driver_name : "");
	watch->since = jiffies;
	watch->rescue_after = max(msecs_to_jiffies(rescue), 1UL);
	WRITE_ONCE(watch->overran, false);
	watch->rescues = 0;
	spin_unlock_irq(&watch->lock);
	mod_delayed_work(pci_recovery_aux_wq, &watch->work,
			 msecs_to_jiffies(min(rescue, limit)));
}

void pci_watch_end(struct pci_episode *ep)
{
	struct pci_recovery_watch *watch = &ep->pe->watch;

	spin_lock_irq(&watch->lock);
	if (watch->overran)
		pr_info("%s: %s%s%s returned after %u ms\n", ep->pe->name,
			watch->driver, *watch->driver ? " " : "", watch->step,
			jiffies_to_msecs(jiffies - watch->since));
	WRITE_ONCE(watch->overran, false);
	watch->step = NULL;
	spin_unlock_irq(&watch->lock);
}

/* The episode ends: the watchdog does not know it any more after this. */
void pci_watch_stop(struct pci_episode *ep)
{
	pci_watch_end(ep);
	cancel_delayed_work_sync(&ep->pe->watch.work);
}

/* What is stuck, for sysfs; false if nothing is. */
bool pci_watch_stalled(struct pci_pe *pe, char *buf, size_t size)
{
	struct pci_recovery_watch *watch = &pe->watch;

	guard(spinlock_irq)(&watch->lock);
	if (!watch->step || !watch->overran)
		return false;
	scnprintf(buf, size, "%s%s%s", watch->driver,
		  *watch->driver ? " " : "", watch->step);
	return true;
}

static const struct pci_watched watched[] = {
	[PCI_STEP_FREEZE]	= { "freeze", PCI_PE_HW_FROZEN },
	[PCI_STEP_ERROR_DETECTED] = { "->error_detected()", PCI_PE_HW_FROZEN },
	[PCI_STEP_DIAGNOSE]	= { "diagnosis", PCI_PE_HW_FROZEN },
	[PCI_STEP_DRAIN]	= { "drain of gates", PCI_PE_HW_FROZEN },
	[PCI_STEP_THAW_MMIO]	= { "thaw of MMIO", PCI_PE_HW_FROZEN },
	[PCI_STEP_MMIO_ENABLED]	= { "->mmio_enabled()", PCI_PE_HW_MMIO },
	[PCI_STEP_THAW_DMA]	= { "thaw of DMA", PCI_PE_HW_FROZEN },
	[PCI_STEP_REVIVE]	= { "revival", PCI_PE_HW_FROZEN },
	[PCI_STEP_UNBIND]	= { "->remove()", PCI_PE_HW_NORMAL },
	[PCI_STEP_RESET]	= { "reset", PCI_PE_HW_FROZEN },
	[PCI_STEP_DEEP_RESET]	= { "deep reset", PCI_PE_HW_FROZEN },
	[PCI_STEP_RESTORE]	= { "restore", PCI_PE_HW_NORMAL },
	[PCI_STEP_SLOT_RESET]	= { "->slot_reset()", PCI_PE_HW_NORMAL },
	[PCI_STEP_BIND]		= { "->probe()", PCI_PE_HW_NORMAL },
	[PCI_STEP_RESUME]	= { "->resume()", PCI_PE_HW_NORMAL },
	[PCI_STEP_RESCAN]	= { "rescan", PCI_PE_HW_NORMAL },
	[PCI_STEP_PERM_FAILURE]	= { "->error_detected()", PCI_PE_HW_FROZEN },
	[PCI_STEP_STALL]	= { },
	[PCI_STEP_RESCUE]	= { },
};

static_assert(ARRAY_SIZE(watched) == PCI_STEP_NR);

static const struct pci_watched waiting = {
	"wait for a lock", PCI_PE_HW_MMIO, true
};

/* The worker begins to wait for a lock, until pci_watch_end(). */
void pci_watch_wait(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	watch_begin(ep, fn, &waiting);
}

ktime_t pci_step_begin(struct pci_episode *ep, struct pci_pe_fn *fn,
		       enum pci_step step)
{
	watch_begin(ep, fn, &watched[step]);
	return ktime_get();
}

int pci_step_end(struct pci_episode *ep, struct pci_pe_fn *fn,
		 enum pci_step step, ktime_t begin, int result)
{
	const char *driver = fn && fn->driver ? fn->driver_name : "-";

	pci_watch_end(ep);
	if (!fn)
		fn = list_first_entry(&ep->fns, struct pci_pe_fn, step);
	trace_pci_recovery_step(ep->id, pci_name(fn->pdev), driver, step,
				result, ktime_us_delta(ktime_get(), begin));
	return result;
}
