/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of virtio_scsi.c that is about errors of its device.
 *
 * The driver is rebound, for which no command may be left that remove() waits for:
 * without this none of them ever times out.  Commands that are issued later find
 * the virtqueues broken, and fail.
 */
#ifdef CONFIG_PCI_RECOVERY

static void virtscsi_fail_cmd(struct virtio_scsi *vscsi, void *buf)
{
	struct virtio_scsi_cmd *cmd = buf;

	cmd->sc->result = DID_NO_CONNECT << 16;
	scsi_done(cmd->sc);
}

static void virtscsi_fail_all(struct virtio_scsi *vscsi,
			      struct virtio_scsi_vq *vq,
			      void (*fail)(struct virtio_scsi *vscsi, void *buf))
{
	void *buf;

	guard(spinlock_irqsave)(&vq->vq_lock);
	while ((buf = virtqueue_detach_unused_buf(vq->vq)))
		fail(vscsi, buf);
}

static void virtscsi_dead(struct virtio_device *vdev)
{
	struct virtio_scsi *vscsi = shost_priv(virtio_scsi_host(vdev));
	int i;

	for (i = 0; i < vscsi->num_queues; i++)
		virtscsi_fail_all(vscsi, &vscsi->req_vqs[i], virtscsi_fail_cmd);
	virtscsi_fail_all(vscsi, &vscsi->ctrl_vq, virtscsi_complete_free);
}

/*
 * These wait for commands: to find disks, to look for more, and of who uses them.  Who
 * finds them asynchronously is waited for when the host is removed.
 */
static void virtio_scsi_recovery_scan(struct Scsi_Host *shost,
				      struct virtio_device *vdev)
{
	struct virtio_recovery_watch watch;

	virtio_recovery_watch(&watch, vdev, virtscsi_dead);
	scsi_scan_host(shost);
	if (virtio_recovery_unwatch(&watch))
		virtio_recovery_rebind(vdev);
}

static void virtio_scsi_recovery_cancel(struct virtio_scsi *vscsi)
{
	struct virtio_recovery_watch watch;

	virtio_recovery_watch(&watch, vscsi->vdev, virtscsi_dead);
	virtscsi_cancel_event_work(vscsi);
	virtio_recovery_unwatch(&watch);
}

static void virtio_scsi_recovery_del(struct Scsi_Host *shost,
				     struct virtio_device *vdev)
{
	struct virtio_recovery_watch watch;

	virtio_recovery_watch(&watch, vdev, virtscsi_dead);
	scsi_remove_host(shost);
	virtio_recovery_unwatch(&watch);
}

static const struct virtio_recovery_ops virtscsi_recovery_ops = {
	.dead	= virtscsi_dead,
};

#define virtio_scsi_recovery_driver	{ .ops = &virtscsi_recovery_ops }

#else

#define virtio_scsi_recovery_driver	{ }
#define virtio_scsi_recovery_cancel(vscsi)	virtscsi_cancel_event_work(vscsi)
#define virtio_scsi_recovery_del(shost, vdev) \
	((void)sizeof(vdev), scsi_remove_host(shost))
#define virtio_scsi_recovery_scan(shost, vdev) \
	((void)sizeof(vdev), scsi_scan_host(shost))

#endif
