// SPDX-License-Identifier: GPL-2.0
/*
 * The step that a PE's worker is in: its trace event and its deadline.
 *
 * The worker runs the drivers' code itself, so it cannot look after it.  A
 * delayed work does: it names the driver and the call that overran its limit,
 * in the log, the trace and sysfs, and throws the PE out of the notify window.
 * The PE stays as it is until the call returns; the episode goes on then.
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
	pci_window_expel(watch->ep);
	pr_err("%s: %s%s%s still running after %u.%u s\n",
	       first_name(pe, pdev), watch->driver, *watch->driver ? " " : "",
	       watch->step, ms / 1000, ms % 1000 / 100);
	trace_pci_recovery_step(watch->ep->id, first_name(pe, pdev),
				*watch->driver ? watch->driver : "-",
				PCI_STEP_STALL, -ETIMEDOUT,
				1000ULL * ms);
	wake_up_var(&pe->episodes);
}

/* Thaw one step further, if the hardware is frozen. */
static void watch_rescue(struct pci_pe *pe, u32 episode, const char *driver,
			 struct pci_dev *pdev)
{
	ktime_t begin = ktime_get();
	int ret;

	switch (pe->ops->state(pe)) {
	case PCI_PE_HW_FROZEN:
		ret = pe->ops->thaw_mmio(pe);
		break;
	case PCI_PE_HW_MMIO:
		ret = pe->ops->thaw_dma(pe);
		if (!ret)
			pci_pe_publish(pe, pci_channel_io_normal);
		break;
	default:
		return;
	}
	if (!ret) {
		set_bit(PE_RESCUED, &pe->flags);
		pr_warn("%s: device is frozen under %s, thawed it\n",
			first_name(pe, pdev), *driver ? driver : "somebody");
	}
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
	char driver[sizeof(watch->driver)];
	bool rescue = false;
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
		rescue = true;
		episode = watch->ep->id;
		strscpy(driver, watch->driver);
	}
	next = watch->rescues < RESCUES ? watch->rescue_after : limit;
	if (!watch->overran)
		next = min(next, limit > spent ? limit - spent : 1);
	queue_delayed_work(pci_recovery_aux_wq, &watch->work, max(next, 1UL));
	spin_unlock_irq(&watch->lock);

	if (rescue)
		watch_rescue(pe, episode, driver, pdev);
	pci_dev_put(pdev);
}

void pci_watch_init(struct pci_recovery_watch *watch)
{
	spin_lock_init(&watch->lock);
	INIT_DELAYED_WORK(&watch->work, watch_work);
}

/*
 * The worker begins something that may take long.  @rescue_ms: how long the
 * device may be frozen under it, or 0 where it is meant to be frozen, until
 * the limit of the step.
 */
void pci_watch_begin(struct pci_episode *ep, struct pci_pe_fn *fn,
		     const char *step, unsigned int rescue_ms)
{
	struct pci_recovery_watch *watch = &ep->pe->watch;
	unsigned int limit = pci_recovery_callback_ms;

	if (!rescue_ms)
		rescue_ms = limit;
	spin_lock_irq(&watch->lock);
	watch->ep = ep;
	watch->step = step;
	strscpy(watch->driver, fn && fn->driver ? fn->driver_name : "");
	watch->since = jiffies;
	watch->rescue_after = max(msecs_to_jiffies(rescue_ms), 1UL);
	WRITE_ONCE(watch->overran, false);
	watch->rescues = 0;
	spin_unlock_irq(&watch->lock);
	mod_delayed_work(pci_recovery_aux_wq, &watch->work,
			 msecs_to_jiffies(min(rescue_ms, limit)));
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

/* What the watchdog says of a step, and whether it is meant to be frozen. */
static const struct {
	const char *name;
	bool frozen;
} watched[] = {
	[PCI_STEP_FREEZE]		= { "freeze" },
	[PCI_STEP_ERROR_DETECTED]	= { "->error_detected()", true },
	[PCI_STEP_THAW_MMIO]		= { "thaw of MMIO", true },
	[PCI_STEP_MMIO_ENABLED]		= { "->mmio_enabled()" },
	[PCI_STEP_THAW_DMA]		= { "thaw of DMA", true },
	[PCI_STEP_REVIVE]		= { "revival", true },
	[PCI_STEP_UNBIND]		= { "->remove()" },
	[PCI_STEP_RESET]		= { "reset", true },
	[PCI_STEP_DEEP_RESET]		= { "deep reset", true },
	[PCI_STEP_RESTORE]		= { "restore" },
	[PCI_STEP_SLOT_RESET]		= { "->slot_reset()" },
	[PCI_STEP_BIND]			= { "->probe()" },
	[PCI_STEP_RESUME]		= { "->resume()" },
	[PCI_STEP_RESCAN]		= { "rescan" },
	[PCI_STEP_PERM_FAILURE]		= { "->error_detected()", true },
	[PCI_STEP_STALL]		= { },
	[PCI_STEP_RESCUE]		= { },
};

static_assert(ARRAY_SIZE(watched) == PCI_STEP_NR);

ktime_t pci_step_begin(struct pci_episode *ep, struct pci_pe_fn *fn,
		       enum pci_step step)
{
	pci_watch_begin(ep, fn, watched[step].name,
			watched[step].frozen ? 0 : pci_recovery_rescue_ms);
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
