// SPDX-License-Identifier: GPL-2.0
/*
 * The error handlers of virtio-pci.
 *
 *	error_detected	the virtio driver stops; nothing touches the device
 *	slot_reset	config space as it was, then the virtio driver starts over
 *	resume		it goes on
 *
 * A virtio driver that cannot is none with handlers, as far as PCI is concerned.
 */

#include <linux/pci.h>
#include <linux/pci-health.h>
#include <linux/pci-recovery.h>
#include <linux/virtio_recovery.h>

#include "virtio_pci_common.h"
#include "virtio_pci_recovery.h"

static struct virtio_device *vdev_of(struct pci_dev *pdev)
{
	struct virtio_pci_device *vp_dev = pci_get_drvdata(pdev);

	return &vp_dev->vdev;
}

static pci_ers_result_t error_detected(struct pci_dev *pdev,
				       pci_channel_state_t channel)
{
	if (channel == pci_channel_io_perm_failure) {
		virtio_recovery_dead(vdev_of(pdev));
		return PCI_ERS_RESULT_DISCONNECT;
	}
	if (!virtio_recovery_stop(vdev_of(pdev)))
		return PCI_ERS_RESULT_NEED_RESET;
	/* To be rebound, also if another function needs no more than a thaw. */
	return pci_recovery_request(pdev) ? PCI_ERS_RESULT_NEED_RESET :
					    PCI_ERS_RESULT_NO_AER_DRIVER;
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	/*
	 * What was saved is good for more than one time.  It may be what another
	 * saved after us, when the function was off for DMA.
	 */
	pdev->state_saved = true;
	pci_restore_state(pdev);
	pci_set_master(pdev);
	switch (virtio_recovery_again(vdev_of(pdev))) {
	case 0:
		return PCI_ERS_RESULT_RECOVERED;
	case -ESTALE:
		/* No other reset would help, but to be rebound does. */
		return PCI_ERS_RESULT_DISCONNECT;
	default:
		return PCI_ERS_RESULT_NEED_RESET;
	}
}

static void resume(struct pci_dev *pdev)
{
	virtio_recovery_go(vdev_of(pdev));
}

static struct pci_error_handlers handlers;

/* Add our error handlers to those of the driver, if it has any. */
struct pci_driver *virtio_pci_recovery_handle(struct pci_driver *driver)
{
	if (!pci_recovery_enabled())
		return driver;
	if (driver->err_handler)
		handlers = *driver->err_handler;
	handlers.error_detected = error_detected;
	handlers.slot_reset = slot_reset;
	handlers.resume = resume;
	driver->err_handler = &handlers;
	return driver;
}

/* A device is being probed: it is on, as it is to be after a reset, without MSI. */
void virtio_pci_recovery_init(struct pci_dev *pdev)
{
	if (!pci_recovery_enabled())
		return;
	pci_save_state(pdev);
	vdev_of(pdev)->recovery.core = &virtio_recovery_core;
}

/*
 * The status that was read from a device.  All-ones is none that Virtio knows:
 * nothing answers, which is as good as a reset.
 */
u8 virtio_pci_recovery_status(u8 status)
{
	return status == 0xff && pci_recovery_enabled() ? 0 : status;
}

/*
 * Is a device of that status being reset?  Not one of which nothing is read any more,
 * and that is known to have failed: who waited for it would for ever.
 */
bool virtio_pci_recovery_resetting(struct virtio_device *vdev, u8 status)
{
	struct pci_dev *pdev = to_vp_device(vdev)->pci_dev;

	return status && !(status == 0xff && pci_recovery_enabled() &&
			   pci_channel_offline(pdev));
}
