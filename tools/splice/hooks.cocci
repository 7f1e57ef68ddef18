// SPDX-License-Identifier: GPL-2.0
//
// Every edit to upstream C.  Each hook stands at the entry of the platform's
// handler, where no lock is held, so that the core can publish an error before
// anybody waits for a lock.  It gets the upstream function along, which is all
// that is left of it without CONFIG_PCI_RECOVERY or with pci_recovery=off.

// The channel subsystem's machine check thread reports an error.  Below this,
// upstream takes zdev->state_lock.  Held here: nothing of PCI's; the thread
// itself holds crw_handler_mutex, so the hook must not wait for a driver.
@error depends on file in "arch/s390/pci/pci_event.c"@
expression ccdf;
@@
 zpci_event_error(...)
 {
 <+...
-__zpci_event_error(ccdf)
+zpci_recovery_error(ccdf, __zpci_event_error)
 ...+>
 }

// The same thread reports that a function came, went or is about to go.  Below
// this, upstream takes zdev->state_lock.  Held here: as above.
@availability depends on file in "arch/s390/pci/pci_event.c"@
expression ccdf;
@@
 zpci_event_availability(...)
 {
 <+...
-__zpci_event_availability(ccdf)
+zpci_recovery_availability(ccdf, __zpci_event_availability)
 ...+>
 }

// Somebody writes to "recover".  Below this, upstream takes zdev->state_lock,
// removes the attribute and takes the rescan/remove lock.  Held here: only the
// attribute itself, as in any store function.
@recover depends on file in "arch/s390/pci/pci_sysfs.c"@
identifier dev, attr, buf, count;
statement none, first;
@@
 recover_store(struct device *dev, struct device_attribute *attr,
	       const char *buf, size_t count)
 {
 ... when != none
+if (pci_recovery_enabled())
+	return pci_recovery_store(dev, attr, buf, count);
 first
 ... when any
 }

@depends on error || recover@
@@
 #include <linux/pci.h>
+#include <asm/pci_recovery.h>

// EEH found a frozen PE, in any context, maybe that of an interrupt handler.
// Below this, upstream allocates an event, and loses it when memory is short.
// Held here: nothing, or pci_lock with interrupts off below a config access.
@send depends on file in "arch/powerpc/kernel/eeh_event.c"@
identifier pe, event;
expression memory;
@@
 __eeh_send_failure_event(struct eeh_pe *pe)
 {
 ...
+if (eeh_recovery_send(pe))
+	return 0;
 event = memory;
 ...
 }

// Somebody asks powernv's firmware what failed.  Held here: the rescan/remove lock
// while it asks, nothing when it hands over a PE.
@next depends on file in "arch/powerpc/kernel/eeh_driver.c"@
expression pe;
@@
 eeh_handle_special_event(...)
 {
 <+...
(
-eeh_ops->next_error(pe)
+eeh_recovery_next_error(pe)
|
-eeh_handle_normal_event(pe)
+eeh_recovery_handle(pe, eeh_handle_normal_event)
)
 ...+>
 }

// EEH does not need a PE any more that its recovery kept.  Held here: the
// rescan/remove lock.
@cleanup depends on file in "arch/powerpc/kernel/eeh_driver.c"@
expression pe;
@@
 eeh_pe_cleanup(...)
 {
 <+...
-kfree(pe)
+eeh_recovery_free(pe)
 ...+>
 }

// EEH does not need a PE any more, whose last function left.  Held here: as
// above.
@remove depends on file in "arch/powerpc/kernel/eeh_pe.c"@
expression pe;
@@
 eeh_pe_tree_remove(...)
 {
 <+...
-kfree(pe)
+eeh_recovery_free(pe)
 ...+>
 }

// A PE is not isolated any more: somebody wrote to "eeh_pe_state", or passes it to
// a guest.  Held here: eeh_dev_mutex, or nothing.
@thawed depends on file in "arch/powerpc/kernel/eeh_pe.c"@
identifier root, state, passed;
@@
 void eeh_pe_state_clear(struct eeh_pe *root, int state, bool passed)
 {
 ... when any
+if (state & EEH_PE_ISOLATED)
+	eeh_recovery_thawed(root);
 }

// A function got its PE.  Held here: the rescan/remove lock, unless at boot.
@probe depends on file in "arch/powerpc/kernel/eeh.c"@
expression dev;
@@
 eeh_probe_device(...)
 {
 ...
 eeh_sysfs_add_device(dev);
+eeh_recovery_add(dev);
 }

// The last reference to a function goes, or the back end has it let go of its
// resources earlier.  Held here: anything.
@release depends on file in "arch/powerpc/kernel/pci-hotplug.c"@
identifier dev;
expression phb;
statement S;
@@
 pcibios_release_device(struct pci_dev *dev)
 {
 ...
+if (eeh_recovery_released(dev))
+	return;
 if (phb->controller_ops.release_device) S
 ...
 }

// The waits around a reset.  Held here: nothing.
@wait depends on file in "arch/powerpc/platforms/pseries/eeh_pseries.c"@
identifier phb, addr, option;
@@
 pseries_eeh_phb_reset(struct pci_controller *phb, int addr, int option)
 {
 <+...
(
-msleep(EEH_PE_RST_HOLD_TIME)
+eeh_recovery_hold(phb, addr)
|
-msleep(EEH_PE_RST_SETTLE_TIME)
+eeh_recovery_settle(phb, addr)
)
 ...+>
 }

@depends on send || next || cleanup || remove || thawed || probe || release || wait@
@@
 #include <linux/pci.h>
+#include <asm/eeh_recovery.h>

// What a virtio device and its driver have for recovery.
@virtio depends on file in "include/linux/virtio.h"@
@@
 struct virtio_device {
 ...
 void *priv;
+struct virtio_recovery recovery;
 ...
 };

@depends on virtio@
@@
 struct virtio_driver {
 ...
 int (*restore)(struct virtio_device *dev);
+struct virtio_recovery_driver recovery;
 ...
 };

@depends on virtio@
@@
 #include <linux/gfp.h>
+#include <linux/virtio_recovery.h>

// A virtio driver is taken off its device, which may have failed: then nothing
// that remove() waits for will come.  Held here: the device lock.
@taken depends on file in "drivers/virtio/virtio.c"@
identifier drv, dev;
@@
 virtio_dev_remove(...)
 {
 ...
+virtio_recovery_remove(dev);
 drv->remove(dev);
 ...
 }

// Upstream of 6.12 has no error handlers.  Those of later ones are kept.
@handlers depends on file in "drivers/virtio/virtio_pci_common.c"@
declarer name module_pci_driver;
declarer name module_driver;
identifier driver;
@@
-module_pci_driver(driver);
+module_driver(driver, virtio_pci_recovery_register, pci_unregister_driver);

// Who puts it to sleep would wait for requests that only its recovery ends.
@depends on taken@
identifier dev;
@@
 virtio_device_freeze(struct virtio_device *dev)
 {
 ...
+if (virtio_recovery_busy(dev))
+	return -EBUSY;
 virtio_config_core_disable(dev);
 ...
 }

// The device is on, and not used yet: its config space is as after each reset.
// Held here: the device lock.
@depends on handlers@
identifier pci_dev;
@@
 virtio_pci_probe(struct pci_dev *pci_dev, ...)
 {
 ...
 pci_set_master(pci_dev);
+virtio_pci_recovery_init(pci_dev);
 ...
 }

@depends on handlers@
@@
 #include "virtio_pci_common.h"
+#include "virtio_pci_recovery.h"

// A device that does not answer has no status.  Held here: anything.
@status depends on file in "drivers/virtio/virtio_pci_modern.c"@
expression status;
@@
 vp_get_status(...)
 {
 ...
-return status;
+return virtio_pci_recovery_status(status);
 }

// One that is gone for good does not end a reset.  Held here: anything.
@depends on status@
identifier vdev;
expression mdev;
@@
 vp_reset(struct virtio_device *vdev)
 {
 <+...
-vp_modern_get_status(mdev)
+virtio_pci_recovery_resetting(vdev, vp_modern_get_status(mdev))
 ...+>
 }

@depends on status@
@@
 #include "virtio_pci_common.h"
+#include "virtio_pci_recovery.h"

// The driver of disks: what it does when its device fails, see there.  What is read
// from a device that does not answer is no capacity.  Held here: nothing.
@blk depends on file in "drivers/block/virtio_blk.c"@
identifier capacity;
expression blocks;
@@
+#include "virtio_blk_recovery.h"
 void virtblk_update_capacity(...)
 {
 ...
+if (virtio_blk_recovery_lost(capacity))
+	return;
 blocks = DIV_ROUND_UP_ULL(capacity, ...);
 ...
 }

// Polling does not know of quiesced queues.  Held here: a request, maybe.
@depends on blk@
@@
 static const struct blk_mq_ops virtio_mq_ops = {
 	.poll =
-	virtblk_poll
+	virtio_blk_recovery_poll
 	,
+	.timeout = virtio_blk_recovery_timeout,
 };

@depends on blk@
@@
 struct virtio_driver virtio_blk = {
+	.recovery = virtio_blk_recovery_driver,
 	.remove = virtblk_remove,
 };

// The lock of CPU hotplug must not be taken.  Held here: the device lock.
@depends on blk@
identifier desc;
@@
 init_vq(...)
 {
 ...
-struct irq_affinity desc = { 0, };
+struct irq_affinity desc = virtio_blk_recovery_affinity;
 ...
 }

// The driver of networks.  It waits for an answer without end.  Held here: RTNL.
@net depends on file in "drivers/net/virtio_net.c"@
expression vq;
@@
 virtnet_send_command_reply(...)
 {
 <+...
 while (!virtqueue_get_buf(...) &&
-	!virtqueue_is_broken(vq)
+	!virtio_recovery_broken(vq)
	) { ... }
 ...+>
 }

@depends on net@
@@
+#include "virtio_net_recovery.h"
 static const struct net_device_ops virtnet_netdev = {
 	.ndo_stop =
-	virtnet_close
+	virtio_net_recovery_stop
 	,
 };

@depends on net@
@@
 static const struct net_device_ops virtnet_netdev = {
 	.ndo_bpf =
-	virtnet_xdp
+	virtio_net_recovery_bpf
 	,
 };

// Since 7.0 a broken virtqueue looks as if it were never empty.  Held here: the lock
// of a queue.
@depends on net@
expression vq;
@@
 virtnet_poll_cleantx(...)
 {
 <+...
-virtqueue_enable_cb_delayed(vq)
+virtio_recovery_enable_cb_delayed(vq)
 ...+>
 }

// What is read from a device that does not answer is no status.  Held here: nothing.
@depends on net@
identifier v;
statement S;
@@
 virtnet_config_changed_work(...)
 {
 ...
+if (virtio_net_recovery_lost(v))
+	return;
 if (v & VIRTIO_NET_S_ANNOUNCE) S
 ...
 }

// There may be no queues, when it is unbound after a failed recovery.  Held here:
// the device lock.
@depends on net@
expression vi;
@@
 remove_vq_common(...)
 {
 <+...
-free_unused_bufs(vi)
+virtio_net_recovery_free(vi)
 ...+>
 }

@depends on net@
@@
 struct virtio_driver virtio_net_driver = {
+	.recovery = virtio_net_recovery_driver,
 	.remove = virtnet_remove,
 };

// The driver of SCSI hosts ends its commands before it is taken off its device.
@scsi depends on file in "drivers/scsi/virtio_scsi.c"@
@@
+#include "virtio_scsi_recovery.h"
 struct virtio_driver virtio_scsi_driver = {
+	.recovery = virtio_scsi_recovery_driver,
 	.remove = virtscsi_remove,
 };

// The balloon waits for its device, which may have failed, or will when it is
// unbound.  Held here: the balloon's lock.
@balloon depends on file in "drivers/virtio/virtio_balloon.c"@
expression queue, vq, len;
@@
 tell_host(...)
 {
 ...
 sg_init_one(...);
+if (virtio_recovery_lost(vq))
+	return;
 ...
-wait_event(queue, virtqueue_get_buf(vq, len));
+wait_event(queue, virtio_recovery_get_buf(vq, len));
 }

@depends on balloon@
expression queue, len;
identifier err, vq;
@@
 virtballoon_free_page_report(...)
 {
 ...
+if (virtio_recovery_lost(vq))
+	return -ENODEV;
 err = virtqueue_add_inbuf(vq, ...);
 ...
-wait_event(queue, virtqueue_get_buf(vq, len));
+wait_event(queue, virtio_recovery_get_buf(vq, len));
 ...
 }
