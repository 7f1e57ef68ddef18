// SPDX-License-Identifier: GPL-2.0
//
// Edits to virtio and its drivers: see Documentation/PCI/pci-recovery-virtio.rst.
// Without CONFIG_PCI_RECOVERY what they name is upstream's code, or nothing.

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

// What has changed may be that the device needs a reset.  Held here: anything.
@depends on taken@
identifier dev;
@@
 virtio_config_changed(struct virtio_device *dev)
 {
 ...
 spin_unlock_irqrestore(...);
+virtio_recovery_changed(dev);
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

// A mode of the cache that was not read is none: upstream stops the kernel if it is to
// be shown.  Held here: nothing.
@depends on blk@
expression vdev;
symbol i;
@@
 cache_type_store(...)
 {
 <+...
-virtblk_get_cache_mode(vdev)
+virtio_blk_recovery_mode(virtblk_get_cache_mode(vdev), i)
 ...+>
 }

@depends on blk@
expression vdev;
symbol disk;
@@
 cache_type_show(...)
 {
 <+...
-virtblk_get_cache_mode(vdev)
+virtio_blk_recovery_mode(virtblk_get_cache_mode(vdev),
+			 blk_queue_write_cache(disk->queue))
 ...+>
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

// A disk is added and deleted, which waits for requests.  Held here: the device lock.
@depends on blk@
expression vblk;
identifier ret, groups;
@@
 virtblk_probe(...)
 {
 <+...
 ret =
-device_add_disk(&vdev->dev, vblk->disk, groups)
+virtio_blk_recovery_add(vdev, vblk, groups)
 ;
 ...+>
 }

@depends on blk@
expression vblk;
@@
 virtblk_remove(...)
 {
 <+...
-del_gendisk(vblk->disk)
+virtio_blk_recovery_del(vblk)
 ...+>
 }

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

// CPUs come and go while there are no virtqueues.  Held here: the lock of CPU hotplug.
@depends on net@
expression vi;
@@
+#include "virtio_net_recovery.h"
 virtnet_cpu_online(...)
 {
 <+...
-virtnet_set_affinity(vi)
+virtio_net_recovery_spread(vi)
 ...+>
 }

@depends on net@
expression vi;
@@
 virtnet_cpu_dead(...)
 {
 <+...
-virtnet_set_affinity(vi)
+virtio_net_recovery_spread(vi)
 ...+>
 }

@depends on net@
expression vi;
@@
 virtnet_cpu_down_prep(...)
 {
 <+...
-virtnet_clean_affinity(vi)
+virtio_net_recovery_gather(vi)
 ...+>
 }

// User space does what needs virtqueues.  Held here: RTNL.
@depends on net@
@@
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

@depends on net@
@@
 static const struct net_device_ops virtnet_netdev = {
 	.ndo_set_features =
-	virtnet_set_features
+	virtio_net_recovery_features
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

// What was sent without NAPI, and is not done, is freed wrongly by upstream of 6.12;
// later ones do not have this.  Held here: the device lock.
@depends on net@
expression buf;
@@
 virtnet_sq_free_unused_buf(...)
 {
 ...
 if (!is_xdp_frame(buf))
-	dev_kfree_skb(buf);
+	dev_kfree_skb(virtnet_unused_skb(buf));
 else { ... }
 }

@depends on net@
@@
 struct virtio_driver virtio_net_driver = {
+	.recovery = virtio_net_recovery_driver,
 	.remove = virtnet_remove,
 };

// The driver of SCSI hosts waits for commands.  Held here: the device lock.
@scsi depends on file in "drivers/scsi/virtio_scsi.c"@
expression shost;
identifier vdev;
@@
+#include "virtio_scsi_recovery.h"
 virtscsi_probe(struct virtio_device *vdev)
 {
 ...
-scsi_scan_host(shost)
+virtio_scsi_recovery_scan(shost, vdev)
 ;
 ...
 }

@depends on scsi@
expression vscsi;
@@
 virtscsi_remove(...)
 {
 <+...
-virtscsi_cancel_event_work(vscsi)
+virtio_scsi_recovery_cancel(vscsi)
 ...+>
 }

@depends on scsi@
expression shost;
identifier vdev;
@@
 virtscsi_remove(struct virtio_device *vdev)
 {
 ...
-scsi_remove_host(shost)
+virtio_scsi_recovery_del(shost, vdev)
 ;
 ...
 }

// Its commands are ended before it is taken off its device.
@depends on scsi@
@@
 struct virtio_driver virtio_scsi_driver = {
+	.recovery = virtio_scsi_recovery_driver,
 	.remove = virtscsi_remove,
 };

// The console waits with interrupts off.  Held here: the lock of a virtqueue.
@console depends on file in "drivers/char/virtio_console.c"@
expression vq;
@@
 __send_control_msg(...)
 {
 <+...
-virtqueue_is_broken(vq)
+virtio_recovery_broken(vq)
 ...+>
 }

@depends on console@
expression vq;
@@
 __send_to_port(...)
 {
 <+...
-virtqueue_is_broken(vq)
+virtio_recovery_broken(vq)
 ...+>
 }

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
+virtio_recovery_wait_buf(queue, vq, len);
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
+virtio_recovery_wait_buf(queue, vq, len);
 ...
 }

// What is read from a device that does not answer is no size.  Held here: nothing.
@depends on balloon@
identifier vb, target, number;
@@
 towards_target(struct virtio_balloon *vb)
 {
 ...
+if (virtio_recovery_unread(vb->vdev, number))
+	return 0;
 target = ALIGN(number, ...);
 ...
 }
