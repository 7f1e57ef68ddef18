// SPDX-License-Identifier: GPL-2.0
/*
 * zPCI back end of the PCI error recovery core: the operations.
 *
 * A PE is one zPCI function.  It is known by its function id (FID), which
 * stays the same while the function is removed and comes back, unlike its
 * function handle (FH), struct zpci_dev and struct pci_dev.
 */

#define pr_fmt(fmt) "zpci: " fmt

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <asm/pci_insn.h>
#include <asm/sclp.h>

#include "../../../drivers/pci/pci.h"
#include "pci_bus.h"
#include "pci_recovery.h"
#if __has_include("pci_report.h")
#include "pci_report.h"
#else
static void zpci_report_status(struct zpci_dev *zdev, struct pci_dev *pdev,
			       const char *operation, const char *status)
{
}
#endif

/* By FID; entries are never removed. */
static DEFINE_XARRAY(zpci_pes);

/* Any context.  NULL if the function was never a PCI device. */
struct zpci_pe *zpci_pe_by_fid(u32 fid)
{
	return xa_load(&zpci_pes, fid);
}

static const struct pci_pe_ops zpci_pe_ops;

static struct zpci_pe *zpci_pe_create(u32 fid)
{
	struct zpci_pe *zpe = kzalloc(sizeof(*zpe), GFP_KERNEL);

	if (!zpe)
		return NULL;
	zpe->fid = fid;
	spin_lock_init(&zpe->lock);
	zpci_avail_init(&zpe->avail, zpe);
	if (xa_reserve(&zpci_pes, fid, GFP_KERNEL)) {
		kfree(zpe);
		return NULL;
	}
	pci_pe_init(&zpe->pe, &zpci_pe_ops, "fid-%08x", fid);
	/* An event may find it from here on. */
	xa_store(&zpci_pes, fid, zpe, GFP_KERNEL);
	return zpe;
}

static struct pci_pe *zpci_pe_find(struct pci_dev *pdev)
{
	struct zpci_dev *zdev = to_zpci(pdev);
	struct zpci_pe *zpe = zpci_pe_by_fid(zdev->fid);

	if (!zpe) {
		zpe = zpci_pe_create(zdev->fid);
		if (!zpe)
			return NULL;
	}
	strscpy(zpe->name, pci_name(pdev));
	zpe->zdev = zdev;
	return &zpe->pe;
}

static int zpci_pe_lock(struct pci_pe *pe)
{
	struct zpci_dev *zdev = to_zpci_pe(pe)->zdev;

	mutex_lock(&zdev->state_lock);
	if (zdev->state == ZPCI_FN_STATE_CONFIGURED)
		return 0;
	mutex_unlock(&zdev->state_lock);
	return -ENODEV;
}

static void zpci_pe_unlock(struct pci_pe *pe)
{
	mutex_unlock(&to_zpci_pe(pe)->zdev->state_lock);
}

/* The firmware isolated the function.  Unless the event is an old one. */
static int zpci_pe_freeze(struct pci_pe *pe)
{
	struct zpci_pe *zpe = to_zpci_pe(pe);
	struct zpci_dev *zdev = zpe->zdev;
	u32 fh = 0, event_fh;
	bool reported;
	u16 pec;

	lockdep_assert_held(&zdev->state_lock);

	spin_lock_irq(&zpe->lock);
	reported = zpe->reported;
	zpe->reported = false;
	event_fh = zpe->fh;
	pec = zpe->pec;
	spin_unlock_irq(&zpe->lock);

	if (!reported)
		return 0;
	if (clp_refresh_fh(zpe->fid, &fh))
		return -ENODEV;
	if (!fh || event_fh != fh) {
		zpci_dbg(3, "err fid:%x, fh:%x (stale %x)\n", zpe->fid, fh,
			 event_fh);
		return -ESTALE;
	}
	zpci_update_fh(zdev, event_fh);
	pr_err("%s: Event 0x%x reports an error for PCI function 0x%x\n",
	       zpe->name, pec, zpe->fid);
	if (pec == PEC_RECOVERY_FAILED || pec == PEC_SERVICE_FAILED)
		return -EIO;
	return 0;
}

static int zpci_pe_thaw_mmio(struct pci_pe *pe)
{
	struct zpci_pe *zpe = to_zpci_pe(pe);

	/* The event may have disabled the function. */
	if (!zdev_enabled(zpe->zdev))
		return -EIO;
	pr_info("%s: Unblocking device access for examination\n", zpe->name);
	if (!zpci_reset_load_store_blocked(zpe->zdev))
		return 0;
	pr_err("%s: Unblocking device access failed\n", zpe->name);
	return -EIO;
}

static int zpci_pe_thaw_dma(struct pci_pe *pe)
{
	struct zpci_pe *zpe = to_zpci_pe(pe);

	if (!zpci_clear_error_state(zpe->zdev))
		return 0;
	pr_err("%s: Unblocking DMA failed\n", zpe->name);
	return -EIO;
}

/*
 * Take the function away from this partition and back: what is in it is lost.
 * It gets a new handle, and keeps its FID and place on the bus.
 */
static int zpci_pe_power_cycle(struct zpci_pe *zpe)
{
	struct zpci_dev *zdev = zpe->zdev;
	u32 fh = 0;
	int ret;

	if (zdev_enabled(zdev)) {
		ret = zpci_disable_device(zdev);
		/* -EINVAL: already disabled, see zpci_hot_reset_device() */
		if (ret && ret != -EINVAL)
			return ret;
	}
	ret = sclp_pci_deconfigure(zpe->fid);
	if (ret)
		return ret;
	ret = sclp_pci_configure(zpe->fid);
	if (ret)
		return ret;
	ret = clp_refresh_fh(zpe->fid, &fh);
	if (ret)
		return ret;
	zpci_update_fh(zdev, fh);
	/* It is disabled, so this enables it and registers its translation. */
	return zpci_hot_reset_device(zdev);
}

static int zpci_pe_reset(struct pci_pe *pe, enum pci_pe_reset depth)
{
	struct zpci_pe *zpe = to_zpci_pe(pe);
	int ret;

	lockdep_assert_held(&zpe->zdev->state_lock);

	pr_info("%s: Initiating reset\n", zpe->name);
	if (depth == PCI_PE_RESET_HOT)
		ret = zpci_hot_reset_device(zpe->zdev);
	else
		ret = zpci_pe_power_cycle(zpe);
	if (ret)
		pr_err("%s: The reset request failed\n", zpe->name);
	return ret ? -EIO : 0;
}

/* Condition codes of Store PCI Function Controls */
#define FC_BUSY			2
#define FC_INVALID_HANDLE	3

/*
 * Store PCI Function Controls: the state of the function.  Kernel and firmware
 * describe a function in the same block, see struct zpci_fib.
 */
static int zpci_store_fc(u64 req, struct zpci_fib *fib, u8 *status)
{
	int cc;

	asm volatile("	.insn	rxy,0xe300000000d4,%[req],%[fib]\n"
		"	ipm	%[cc]\n"
		"	srl	%[cc],28\n"
		: [cc] "=d" (cc), [req] "+d" (req), [fib] "=Q" (*fib)
		: : "cc");
	*status = req >> 24 & 0xff;
	return cc;
}

/* Any context.  -EBUSY if the firmware is. */
static int zpci_ask_state(struct zpci_dev *zdev)
{
	struct zpci_fib fib = {0};
	u8 status;
	int cc;

	if (!zdev_enabled(zdev))
		return PCI_PE_HW_DISABLED;
	cc = zpci_store_fc(ZPCI_CREATE_REQ(zdev->fh, 0, 0), &fib, &status);
	if (cc == FC_BUSY)
		return -EBUSY;
	if (cc == FC_INVALID_HANDLE)
		return PCI_PE_HW_GONE;
	/* An error blocks loads and stores, until they alone are unblocked. */
	if (cc || fib.fc & ZPCI_FIB_FC_LS_BLOCKED)
		return PCI_PE_HW_FROZEN;
	if (!(fib.fc & ZPCI_FIB_FC_ENABLED))
		return PCI_PE_HW_DISABLED;
	return fib.fc & ZPCI_FIB_FC_ERROR ? PCI_PE_HW_MMIO : PCI_PE_HW_NORMAL;
}

static enum pci_pe_hw_state zpci_pe_state(struct pci_pe *pe)
{
	struct zpci_dev *zdev = to_zpci_pe(pe)->zdev;
	int state, tries = 10;

	do {
		state = zpci_ask_state(zdev);
		if (state >= 0)
			return state;
		msleep(20);
	} while (--tries);
	return PCI_PE_HW_FROZEN;
}

/* The event may be on its way, or may have been lost. */
static int zpci_pe_check(struct pci_pe *pe, struct pci_dev *pdev)
{
	int state, tries = 10;

	do {
		state = zpci_ask_state(to_zpci_pe(pe)->zdev);
		if (state >= 0)
			break;
		udelay(1);
	} while (--tries);

	switch (state) {
	case PCI_PE_HW_FROZEN:
		pci_recovery_report(pe, PCI_REPORT_ERROR);
		return -EAGAIN;
	case PCI_PE_HW_DISABLED:
		/* By whoever resets it, or the event that follows says so. */
		return -EAGAIN;
	case PCI_PE_HW_GONE:
		return -ENODEV;
	default:
		return 0;
	}
}

/* An event of the error that an episode just dealt with is not about the next. */
static void zpci_pe_withdraw(struct pci_pe *pe)
{
	guard(spinlock_irq)(&to_zpci_pe(pe)->lock);
	to_zpci_pe(pe)->reported = false;
}

/* In the hands of a guest, which is to recover it itself. */
static bool zpci_pe_refuse(struct pci_pe *pe)
{
	struct zpci_pe *zpe = to_zpci_pe(pe);
	bool passed_through;

	mutex_lock(&zpe->zdev->kzdev_lock);
	passed_through = zpe->zdev->kzdev;
	mutex_unlock(&zpe->zdev->kzdev_lock);

	if (passed_through)
		pr_info("%s: Cannot be recovered in the host because it is a pass-through device\n",
			zpe->name);
	return passed_through;
}

/* What a write to "recover" does without the recovery core. */
static int zpci_pe_rescan(struct pci_pe *pe)
{
	struct zpci_dev *zdev = to_zpci_pe(pe)->zdev;
	struct pci_dev *pdev;
	int ret;

	ret = zpci_pe_lock(pe);
	if (ret)
		return ret;
	pci_lock_rescan_remove();
	pdev = pci_get_slot(zdev->zbus->bus, zdev->devfn);
	if (pdev && pci_dev_is_added(pdev))
		pci_stop_and_remove_bus_device(pdev);
	pci_dev_put(pdev);
	ret = zpci_hot_reset_device(zdev);
	pci_rescan_bus(zdev->zbus->bus);
	pci_unlock_rescan_remove();
	zpci_pe_unlock(pe);
	return ret;
}

static void zpci_pe_report(struct pci_pe *pe, struct pci_dev *pdev,
			   enum pci_recovery_outcome outcome)
{
	struct zpci_pe *zpe = to_zpci_pe(pe);
	const char *status;

	switch (outcome) {
	case PCI_RECOVERY_RECOVERED:
		pr_info("%s: The device is ready to resume operations\n",
			zpe->name);
		status = "success";
		break;
	case PCI_RECOVERY_FAILED:
		pr_err("%s: Automatic recovery failed; operator intervention is required\n",
		       zpe->name);
		status = "failed (driver can't recover)";
		break;
	case PCI_RECOVERY_REFUSED:
		status = "refused";
		break;
	default:
		return;
	}
	if (!pdev)
		return;
	/* It names the driver; a driver that is stuck is not waited for. */
	if (device_trylock(&pdev->dev)) {
		zpci_report_status(zpe->zdev, pdev, "recovery", status);
		device_unlock(&pdev->dev);
	} else {
		zpci_report_status(zpe->zdev, NULL, "recovery", status);
	}
}

static const struct pci_pe_ops zpci_pe_ops = {
	.name		= "zpci",
	.find		= zpci_pe_find,
	.lock		= zpci_pe_lock,
	.unlock		= zpci_pe_unlock,
	.freeze		= zpci_pe_freeze,
	.thaw_mmio	= zpci_pe_thaw_mmio,
	.thaw_dma	= zpci_pe_thaw_dma,
	.reset		= zpci_pe_reset,
	.state		= zpci_pe_state,
	.refuse		= zpci_pe_refuse,
	.rescan		= zpci_pe_rescan,
	.report		= zpci_pe_report,
	.withdraw	= zpci_pe_withdraw,
	.check		= zpci_pe_check,
};

static int __init zpci_recovery_init(void)
{
	return pci_recovery_register(&zpci_pe_ops);
}
arch_initcall(zpci_recovery_init);
