/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where virtio-pci meets PCI error recovery.
 *
 * Without CONFIG_PCI_RECOVERY each is just the upstream code.
 */
#ifndef _VIRTIO_PCI_RECOVERY_H
#define _VIRTIO_PCI_RECOVERY_H

#ifdef CONFIG_PCI_RECOVERY

struct pci_driver *virtio_pci_recovery_handle(struct pci_driver *driver);
void virtio_pci_recovery_init(struct pci_dev *pdev);
u8 virtio_pci_recovery_status(u8 status);
bool virtio_pci_recovery_resetting(struct virtio_device *vdev, u8 status);

/* A macro, for the module that it is in. */
#define virtio_pci_recovery_register(driver) \
	pci_register_driver(virtio_pci_recovery_handle(driver))

#else

static inline void virtio_pci_recovery_init(struct pci_dev *pdev) { }

static inline bool virtio_pci_recovery_resetting(struct virtio_device *vdev,
						 u8 status)
{
	return status;
}

#define virtio_pci_recovery_register(driver)	pci_register_driver(driver)
#define virtio_pci_recovery_status(status)	(status)

#endif

#endif /* _VIRTIO_PCI_RECOVERY_H */
