// SPDX-License-Identifier: GPL-2.0
/*
 * Config space as it was before any driver touched the function.
 *
 * pci_save_state() has one buffer for each pci_dev, which drivers overwrite.
 * So a copy of our own is taken before the first driver binds, and restored
 * after a reset: the function is then as after a scan.
 */

#include <linux/pci.h>
#include <linux/slab.h>

#include "recovery.h"

/* Before a driver's probe(), under the device lock. */
void pci_stash_take(struct pci_pe_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;

	if (fn->stash || pci_pe_state(fn->pe) != PCI_PE_LIVE)
		return;
	/* The PCI core saves the state of what it adds, older ones do not. */
	if (!pdev->state_saved && pci_save_state(pdev))
		return;
	if (PCI_POSSIBLE_ERROR(pdev->saved_config_space[0]))
		return;
	/* Pairs with stash_of(), in the worker. */
	smp_store_release(&fn->stash, pci_store_saved_state(pdev));
}

/* A function that never had a driver still has what the PCI core saved. */
static struct pci_saved_state *stash_of(struct pci_pe_fn *fn)
{
	struct pci_saved_state *stash;

	/* Pairs with pci_stash_take(). */
	stash = smp_load_acquire(&fn->stash);
	if (stash || fn->driver)
		return stash;
	fn->stash = pci_store_saved_state(fn->pdev);
	return fn->stash;
}

/*
 * What config space says.  Not what the pci_dev does: quirks correct that, and on
 * some platforms it comes from elsewhere.
 */
void pci_fn_identify(struct pci_dev *pdev, struct pci_fn_id *id)
{
	pci_read_config_dword(pdev, PCI_VENDOR_ID, &id->device);
	pci_read_config_dword(pdev, PCI_CLASS_REVISION, &id->class);
	pci_read_config_dword(pdev, PCI_SUBSYSTEM_VENDOR_ID, &id->subsystem);
	id->serial = pci_get_dsn(pdev);
}

static bool same(struct pci_dev *pdev, const struct pci_fn_id *id,
		 const struct pci_fn_id *old)
{
	if (old->serial && id->serial != old->serial)
		return false;
	/*
	 * The ids of a VF are those of its PF, config space does not say them.  Of
	 * what had an error when it was added nobody knows them.
	 */
	if (pdev->is_virtfn || PCI_POSSIBLE_ERROR(old->device))
		return true;
	/* Not the revision, which may change with firmware. */
	return id->device == old->device && id->class >> 8 == old->class >> 8 &&
	       (id->subsystem == old->subsystem ||
		pdev->hdr_type != PCI_HEADER_TYPE_NORMAL);
}

/*
 * Is this the device that failed?  -ENODEV if it is another one, which is left
 * to hotplug; -EIO if nothing answers, or not any more.
 */
int pci_stash_check(struct pci_pe_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;
	struct pci_fn_id id;

	pci_fn_identify(pdev, &id);
	if (!pdev->is_virtfn && PCI_POSSIBLE_ERROR(id.device))
		return -EIO;
	if (same(pdev, &id, &fn->id))
		return 0;
	/* Or it failed again while it was looked at: there is no telling. */
	if (fn->pe->ops->state(fn->pe) != PCI_PE_HW_NORMAL)
		return -EIO;
	/* A VF does not answer before its PF is restored. */
	if (pdev->is_virtfn && !id.serial)
		return 0;
	pci_err(pdev, "another device is there after the reset\n");
	return -ENODEV;
}

/* As pci_msi_init() and pci_msix_init() leave a function after a scan. */
static void quiesce_msi(struct pci_dev *pdev)
{
	u16 ctrl;

	if (pdev->msi_cap) {
		pci_read_config_word(pdev, pdev->msi_cap + PCI_MSI_FLAGS, &ctrl);
		if (ctrl & PCI_MSI_FLAGS_ENABLE)
			pci_write_config_word(pdev,
					      pdev->msi_cap + PCI_MSI_FLAGS,
					      ctrl & ~PCI_MSI_FLAGS_ENABLE);
	}
	if (pdev->msix_cap) {
		pci_read_config_word(pdev, pdev->msix_cap + PCI_MSIX_FLAGS,
				     &ctrl);
		if (ctrl & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL))
			pci_write_config_word(pdev,
					      pdev->msix_cap + PCI_MSIX_FLAGS,
					      ctrl & ~(PCI_MSIX_FLAGS_ENABLE |
						       PCI_MSIX_FLAGS_MASKALL));
	}
}

/* Some kernels restore only once, but the buffer is good for longer. */
static int restore_unsaved(struct pci_pe_fn *fn)
{
	u32 id = fn->pdev->saved_config_space[0];

	if (fn->driver || !id || PCI_POSSIBLE_ERROR(id))
		return -ENODATA;
	fn->pdev->state_saved = true;
	pci_restore_state(fn->pdev);
	quiesce_msi(fn->pdev);
	return 0;
}

/* A function without a driver, after a reset: as after a scan. */
int pci_stash_restore(struct pci_pe_fn *fn)
{
	struct pci_saved_state *stash = stash_of(fn);
	int ret;

	if (!stash)
		return restore_unsaved(fn);
	ret = pci_load_saved_state(fn->pdev, stash);
	if (ret)
		return ret;
	pci_restore_state(fn->pdev);
	quiesce_msi(fn->pdev);
	/* The next driver may restore before it ever saves. */
	return pci_load_saved_state(fn->pdev, stash);
}

/* A function whose driver has no slot_reset, under its lock: as it was. */
void pci_running_restore(struct pci_pe_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;
	u32 id = pdev->saved_config_space[0];

	/* Some kernels restore only once what was saved. */
	if (id && !PCI_POSSIBLE_ERROR(id))
		pdev->state_saved = true;
	pci_restore_state(pdev);
	/* Not pci_reenable_device(): s390 would set up its debugfs again. */
	if (pci_is_enabled(pdev) &&
	    pci_enable_resources(pdev, (1 << PCI_NUM_RESOURCES) - 1))
		pci_warn(pdev, "cannot enable the device again\n");
	if (pdev->is_busmaster)
		pci_set_master(pdev);
}
