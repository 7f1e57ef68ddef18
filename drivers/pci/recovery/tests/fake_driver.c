// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers for fake functions: one for each set of error handlers.
 *
 * They do what drivers do, enable and save, and answer as the test says.  Each
 * callback checks what the core promises to drivers.
 */

#define pr_fmt(fmt) "pci_recovery_fake: " fmt

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "fake.h"
#include "../recovery.h"

static struct fake_driver {
	struct pci_driver pci;
	struct pci_error_handlers handlers;
	struct pci_device_id ids[2];
	char name[16];
} drivers[FAKE_DRIVERS];

const char *fake_driver_name(u16 driver)
{
	return driver < FAKE_DRIVERS ? drivers[driver].name : "-";
}
EXPORT_SYMBOL_GPL(fake_driver_name);

/* Error handlers run inside the notify window, unless they overstay. */
static void check_window(struct fake_fn *fn)
{
	bool hotplug = fake_hotplugging();
	struct pci_pe *pe;

	/* Pairs with the lock that hotplug got after that was set. */
	smp_rmb();
	for (pe = &fn->fpe->pe; hotplug && pe; pe = pe->parent)
		hotplug = !test_bit(PE_EXPELLED, &pe->flags);
	WARN_ON_ONCE(hotplug);
}

/*
 * Every callback: under the device lock, alone in its function, and not on one
 * that is not there.
 */
static pci_ers_result_t called(struct pci_dev *pdev, enum fake_call call)
{
	struct fake_fn *fn = fake_fn_of(pdev);
	void (*hook)(struct fake_fn *fn, enum fake_call call);
	unsigned int ms = READ_ONCE(fn->ms[call]);

	lockdep_assert_held(&pdev->dev.mutex);
	WARN_ON_ONCE(atomic_inc_return(&fn->inside) != 1);
	WARN_ON_ONCE(call > FAKE_REMOVE && !pci_dev_is_added(pdev));
	if (call > FAKE_REMOVE)
		check_window(fn);
	atomic_inc(&fn->called[call]);
	if (ms)
		msleep(ms);
	hook = READ_ONCE(fn->hook);
	if (hook)
		hook(fn, call);
	if (call > FAKE_REMOVE)
		check_window(fn);
	WARN_ON_ONCE(atomic_dec_return(&fn->inside) != 0);
	return READ_ONCE(fn->vote[call]);
}

static pci_ers_result_t error_detected(struct pci_dev *pdev,
				       pci_channel_state_t state)
{
	return called(pdev, state == pci_channel_io_perm_failure ?
		      FAKE_PERM_FAILURE : FAKE_ERROR_DETECTED);
}

static pci_ers_result_t mmio_enabled(struct pci_dev *pdev)
{
	return called(pdev, FAKE_MMIO_ENABLED);
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return called(pdev, FAKE_SLOT_RESET);
}

static void resume(struct pci_dev *pdev)
{
	called(pdev, FAKE_RESUME);
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct fake_fn *fn = fake_fn_of(pdev);
	int ret;

	if (!fn)
		return -ENODEV;
	called(pdev, FAKE_PROBE);
	if (atomic_dec_if_positive(&fn->fail_probes) >= 0)
		return READ_ONCE(fn->probe_error);
	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	return pci_save_state(pdev);
}

static void remove(struct pci_dev *pdev)
{
	called(pdev, FAKE_REMOVE);
	pci_disable_device(pdev);
}

static int __init fake_driver_init(struct fake_driver *driver, unsigned int has)
{
	scnprintf(driver->name, sizeof(driver->name), "fake%s%s%s%s%s",
		  has ? "-" : "", has & FAKE_HAS_ERROR_DETECTED ? "e" : "",
		  has & FAKE_HAS_MMIO_ENABLED ? "m" : "",
		  has & FAKE_HAS_SLOT_RESET ? "s" : "",
		  has & FAKE_HAS_RESUME ? "r" : "");
	if (has & FAKE_HAS_ERROR_DETECTED)
		driver->handlers.error_detected = error_detected;
	if (has & FAKE_HAS_MMIO_ENABLED)
		driver->handlers.mmio_enabled = mmio_enabled;
	if (has & FAKE_HAS_SLOT_RESET)
		driver->handlers.slot_reset = slot_reset;
	if (has & FAKE_HAS_RESUME)
		driver->handlers.resume = resume;
	driver->ids[0] = (struct pci_device_id){ PCI_DEVICE(FAKE_VENDOR, has) };
	driver->pci.name = driver->name;
	driver->pci.id_table = driver->ids;
	driver->pci.probe = probe;
	driver->pci.remove = remove;
	if (has)
		driver->pci.err_handler = &driver->handlers;
	return pci_register_driver(&driver->pci);
}

static int __init drivers_init(void)
{
	unsigned int has;
	int ret = 0;

	for (has = 0; has < FAKE_DRIVERS && !ret; has++)
		ret = fake_driver_init(&drivers[has], has);
	return ret;
}
device_initcall(drivers_init);
