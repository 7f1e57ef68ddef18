// SPDX-License-Identifier: GPL-2.0
/*
 * Rebind: recovery for drivers without error handlers, on the same pci_dev.
 *
 *	revive -> unbind -> (reset, restore) -> bind
 *
 * Only the driver core's device lock is held while a driver's remove() or
 * probe() runs: both may take long, or for ever, and with the rescan/remove
 * lock held that has deadlocked more than once.  The function is barred
 * instead, so that no other driver binds in between.
 */

#include <linux/device.h>
#include <linux/module.h>

#include "recovery.h"

/*
 * What is done with a function whose driver does not take part.  That of a bridge
 * stays: it is there for what is behind the bridge, and hotplug's most of all.
 */
enum pci_fn_plan pci_fn_fallback(struct pci_pe_fn *fn)
{
	return fn->driver && !pci_is_bridge(fn->pdev) ? PCI_FN_REBIND :
							PCI_FN_RIDE;
}

/* Keep every driver from binding to @fn, except by pci_recovery_bind(). */
void pci_fn_bar(struct pci_pe_fn *fn, bool bar)
{
	if (bar)
		fn->barred |= pci_allow_binding(fn->pdev, false);
	else if (fn->barred)
		pci_allow_binding(fn->pdev, true);
	if (!bar)
		fn->barred = false;
}

/* Under the device lock: remember the driver, and keep its code in memory. */
void pci_fn_pin(struct pci_pe_fn *fn)
{
	pci_fn_unpin(fn);
	fn->driver = to_pci_driver(fn->pdev->dev.driver);
	if (!fn->driver)
		return;
	strscpy(fn->driver_name, fn->driver->name);
	fn->pinned = try_module_get(fn->driver->driver.owner);
}

void pci_fn_unpin(struct pci_pe_fn *fn)
{
	if (fn->pinned)
		module_put(fn->driver->driver.owner);
	fn->pinned = false;
	fn->driver = NULL;
}

/*
 * The error may be that the device does not decode its addresses any more, and
 * remove() may wait for a register to change.
 */
static void let_decode(struct pci_dev *pdev)
{
	u16 command;

	if (!pci_is_enabled(pdev))
		return;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!(command & (PCI_COMMAND_MEMORY | PCI_COMMAND_IO)) &&
	    pci_enable_resources(pdev, (1 << PCI_NUM_RESOURCES) - 1))
		pci_warn(pdev, "cannot enable the device again\n");
}

static void unbind_fn(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	ktime_t begin = pci_step_begin(ep, fn, PCI_STEP_UNBIND);

	let_decode(fn->pdev);
	device_release_driver(&fn->pdev->dev);
	pci_step_end(ep, fn, PCI_STEP_UNBIND, begin, 0);
	fn->unbound = true;
}

/*
 * Under the device lock: the driver is not the one that the episode knows.
 * Whoever unbound it by hand shall find it so; a driver that was bound
 * meanwhile knows of no error and is rebound.
 */
void pci_fn_changed(struct pci_pe_fn *fn)
{
	pci_fn_pin(fn);
	fn->unbound = false;
	fn->plan = pci_fn_fallback(fn);
}

/* Is @fn there, and is there a driver to take off it? */
static bool still_bound(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	if (pci_fn_lock(ep, fn)) {
		fn->plan = PCI_FN_LEFT;
		return false;
	}
	if (to_pci_driver(fn->pdev->dev.driver) != fn->driver)
		pci_fn_changed(fn);
	pci_fn_unlock(ep, fn);
	return fn->driver;
}

/*
 * Take the drivers that are to be rebound off their functions.  Not if the
 * device cannot be revived: remove() would wait for it for ever.
 */
int pci_recovery_unbind(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;
	bool revived = false;
	int ret;

	for_each_fn(ep, fn) {
		if (fn->plan != PCI_FN_REBIND || fn->unbound)
			continue;
		if (!revived) {
			ret = pci_recovery_revive(ep);
			if (ret)
				return ret;
		}
		revived = true;
		if (still_bound(ep, fn))
			unbind_fn(ep, fn);
	}
	return 0;
}

/* Would the driver core bind @drv to @fn, by itself? */
static bool wanted(struct pci_pe_fn *fn, struct device_driver *drv)
{
	guard(device)(&fn->pdev->dev);
	return drv->bus->match(&fn->pdev->dev, drv);
}

static int attach_driver(struct pci_pe_fn *fn, struct device_driver *drv)
{
	struct device *dev = &fn->pdev->dev;
	int ret;

	ret = device_driver_attach(drv, dev);
	if (ret == -EAGAIN) {
		/* A deferred probe: only this has the driver core try again. */
		ret = device_attach(dev);
		return ret < 0 && ret != -EPROBE_DEFER ? ret : 0;
	}
	/* Unless the probe says so, somebody was faster, by hand. */
	if (ret == -EBUSY) {
		guard(device)(dev);
		return dev->driver ? 0 : ret;
	}
	return ret;
}

struct attach_any {
	struct pci_pe_fn *fn;
	int ret;
};

static int try_driver(struct device_driver *drv, void *data)
{
	struct attach_any *any = data;

	if (!wanted(any->fn, drv))
		return 0;
	any->ret = attach_driver(any->fn, drv);
	return !any->ret;
}

/*
 * The same driver again.  Any other that matches if that one is being unloaded,
 * is not known any more, or driver_override was changed; not device_attach(),
 * which does not say that a probe failed.
 */
static int attach(struct pci_pe_fn *fn)
{
	struct attach_any any = { .fn = fn };

	pci_fn_bar(fn, false);
	if (fn->pinned && wanted(fn, &fn->driver->driver))
		return attach_driver(fn, &fn->driver->driver);
	bus_for_each_drv(&pci_bus_type, NULL, &any, try_driver);
	return any.ret;
}

/* A probe failed: as before it, and another driver that was faster goes. */
static void bar_again(struct pci_episode *ep, struct pci_pe_fn *fn)
{
	if (pci_fn_lock(ep, fn))
		return;
	pci_fn_bar(fn, true);
	if (fn->pdev->dev.driver)
		pci_fn_changed(fn);
	pci_fn_unlock(ep, fn);
}

/* Bind what was unbound; PCI_RESET if a probe fails. */
enum pci_recovery_verdict pci_recovery_bind(struct pci_episode *ep)
{
	struct pci_pe_fn *fn;
	ktime_t begin;
	int ret;

	pci_recovery_refrozen(ep);
	for_each_fn(ep, fn) {
		if (!fn->unbound)
			continue;
		if (pci_fn_lock(ep, fn)) {
			fn->plan = PCI_FN_LEFT;
			if (!pci_episode_over(ep))
				continue;
			return pci_recovery_stop(ep, PCI_RECOVERY_GONE);
		}
		pci_fn_unlock(ep, fn);
		begin = pci_step_begin(ep, fn, PCI_STEP_BIND);
		ret = attach(fn);
		pci_step_end(ep, fn, PCI_STEP_BIND, begin, ret);
		if (ret) {
			bar_again(ep, fn);
			ep->depth = PCI_PE_RESET_FUNDAMENTAL;
			return PCI_RESET;
		}
		fn->unbound = false;
	}
	return PCI_GO_ON;
}

/* The functions are leaving: no driver shall be in the way of that. */
void pci_recovery_release_fns(struct pci_episode *ep)
{
	struct pci_pe *pe = ep->pe;
	struct pci_pe_fn *fn;
	ktime_t begin;

	for_each_fn(ep, fn) {
		pci_watch_wait(ep, fn);
		device_lock(&fn->pdev->dev);
		pci_watch_end(ep);
		pci_fn_pin(fn);
		pci_fn_bar(fn, true);
		device_unlock(&fn->pdev->dev);
		if (!fn->driver)
			continue;
		if (pe->ops->state(pe) == PCI_PE_HW_FROZEN) {
			begin = pci_step_begin(ep, fn, PCI_STEP_REVIVE);
			pci_step_end(ep, fn, PCI_STEP_REVIVE, begin,
				     pe->ops->thaw_mmio(pe));
		}
		unbind_fn(ep, fn);
	}
}
