// SPDX-License-Identifier: GPL-2.0
/*
 * Host bridges with nothing behind them but fake functions.
 *
 * A bridge is made when its first PE is taken, and stays.
 */

#include <linux/cleanup.h>
#include <linux/ioport.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "fake.h"
#include "../recovery.h"

static struct fake_host {
	struct pci_bus *bus;
	struct resource window;
} hosts[FAKE_HOSTS];

static DEFINE_MUTEX(hosts_mutex);

/* Where no memory is, and nobody looks. */
static int window_init(struct resource *window)
{
	resource_size_t size = FAKE_SLOTS * FAKE_FNS * FAKE_BAR_SIZE;

	window->name = "fake PCI window";
	window->flags = IORESOURCE_MEM | IORESOURCE_MEM_64;
	return allocate_resource(&iomem_resource, window, size, SZ_4G,
				 ~(resource_size_t)0, size, NULL, NULL);
}

static int host_create(unsigned int index)
{
	struct fake_host *host = &hosts[index];
	struct pci_host_bridge *bridge;
	void *sysdata;
	int ret;

	sysdata = fake_arch_sysdata(index);
	bridge = pci_alloc_host_bridge(0);
	if (!sysdata || !bridge)
		return -ENOMEM;
	if (!host->window.flags && !IS_ENABLED(CONFIG_S390)) {
		ret = window_init(&host->window);
		if (ret)
			return ret;
	}
	if (host->window.flags)
		pci_add_resource(&bridge->windows, &host->window);
	bridge->sysdata = sysdata;
	bridge->busnr = 0;
	bridge->ops = &fake_config_ops;
	ret = pci_scan_root_bus_bridge(bridge);
	if (ret)
		return ret;
	pci_lock_rescan_remove();
	pci_bus_add_devices(bridge->bus);
	pci_unlock_rescan_remove();
	host->bus = bridge->bus;
	return 0;
}

/* The bus of @fpe; NULL if it cannot be made. */
struct pci_bus *fake_bus(struct fake_pe *fpe)
{
	struct fake_host *host = &hosts[fpe->index / FAKE_SLOTS];

	guard(mutex)(&hosts_mutex);
	if (!host->bus && host_create(host - hosts))
		return NULL;
	return host->bus;
}

/* Functions come or go: no callback may run but those past their deadline. */
static bool hotplugging;

bool fake_hotplugging(void)
{
	return READ_ONCE(hotplugging);
}

static void hotplug_begin(void)
{
	pci_lock_rescan_remove();
	WRITE_ONCE(hotplugging, true);
}

static void hotplug_end(void)
{
	WRITE_ONCE(hotplugging, false);
	pci_unlock_rescan_remove();
}

/* How often it was frozen, or one above it. */
static unsigned int freezes(struct fake_pe *fpe)
{
	struct pci_pe *pe;
	unsigned int n = 0;

	for (pe = &fpe->pe; pe; pe = pe->parent)
		n += atomic_read(&to_fake_pe(pe)->freezes);
	return n;
}

/* Have the PCI core find @fn.  Under the rescan/remove lock. */
static int fn_scan(struct fake_fn *fn, struct pci_bus *bus)
{
	unsigned int devfn = PCI_DEVFN(fn->fpe->index % FAKE_SLOTS,
				       fn - fn->fpe->fn);
	unsigned int before = freezes(fn->fpe);
	struct pci_dev *pdev;
	int i;

	fn->sound = fake_state(fn->fpe) == PCI_PE_HW_NORMAL;
	WRITE_ONCE(fn->scanning, true);
	pdev = pci_scan_single_device(bus, devfn);
	WRITE_ONCE(fn->scanning, false);
	if (!pdev)
		return -ENODEV;
	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (pdev->resource[i].flags && !pdev->resource[i].parent &&
		    pci_assign_resource(pdev, i))
			pci_warn(pdev, "no room for BAR %d\n", i);
	}
	WRITE_ONCE(fn->pdev, pci_dev_get(pdev));
	pci_bus_add_device(pdev);
	fn->sound = fn->sound && before == freezes(fn->fpe);
	return 0;
}

/* Nothing is in the slot of @fpe. */
static bool is_empty(struct fake_pe *fpe)
{
	struct fake_fn *fn;

	for (fn = fpe->fn; fn < fpe->fn + FAKE_FNS; fn++) {
		if (fn->pdev)
			return false;
	}
	return true;
}

/* Plug @fn in, for a driver with the callbacks @driver.  May sleep. */
int fake_fn_add(struct fake_fn *fn, u16 driver)
{
	struct pci_bus *bus = fake_bus(fn->fpe);
	int ret;

	if (!bus)
		return -ENOMEM;
	ret = fake_arch_fn(bus, fn, PCI_DEVFN(fn->fpe->index % FAKE_SLOTS,
					      fn - fn->fpe->fn));
	if (ret)
		return ret;
	hotplug_begin();
	ret = -EEXIST;
	if (!fn->pdev) {
		fn->driver = driver;
		fake_config_init(fn);
		/* A slot that was empty has its power switched on. */
		if (is_empty(fn->fpe))
			fake_power_on(fn->fpe);
		WRITE_ONCE(fn->present, true);
		ret = fn_scan(fn, bus);
	}
	hotplug_end();
	return ret;
}
EXPORT_SYMBOL_GPL(fake_fn_add);

static void fn_remove(struct fake_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;

	if (!pdev)
		return;
	WRITE_ONCE(fn->pdev, NULL);
	pci_stop_and_remove_bus_device(pdev);
	pci_dev_put(pdev);
}

/* Take @fn out, if it is in.  May sleep. */
void fake_fn_del(struct fake_fn *fn)
{
	hotplug_begin();
	fn_remove(fn);
	WRITE_ONCE(fn->present, false);
	hotplug_end();
}
EXPORT_SYMBOL_GPL(fake_fn_del);

static void rescan_remove(struct fake_pe *fpe)
{
	struct fake_fn *fn;

	for (fn = fpe->fn; fn < fpe->fn + FAKE_FNS; fn++) {
		fn->rescan = fn->pdev ? fn->pdev->bus : NULL;
		fn_remove(fn);
	}
}

static int rescan_scan(struct fake_pe *fpe)
{
	struct fake_fn *fn;
	int ret = 0;

	for (fn = fpe->fn; fn < fpe->fn + FAKE_FNS; fn++) {
		if (!fn->rescan)
			continue;
		fake_config_reset(fn, FAKE_SAME);
		WRITE_ONCE(fn->present, true);
		ret = fn_scan(fn, fn->rescan) ?: ret;
	}
	return ret;
}

/*
 * Remove what is there of @root, and below it, and scan for it again.  Takes the
 * platform's lock.  May sleep.
 */
int fake_rescan(struct fake_pe *root)
{
	struct fake_pe *fpe;
	int ret;

	mutex_lock(&root->lock);
	hotplug_begin();
	rescan_remove(root);
	for (fpe = fake_below(root, NULL); fpe; fpe = fake_below(root, fpe))
		rescan_remove(fpe);
	ret = rescan_scan(root);
	for (fpe = fake_below(root, NULL); fpe; fpe = fake_below(root, fpe))
		ret = rescan_scan(fpe) ?: ret;
	hotplug_end();
	mutex_unlock(&root->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(fake_rescan);
