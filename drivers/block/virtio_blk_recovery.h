/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of virtio_blk.c that is about errors of its device.
 *
 * Requests that the device has not done, as far as the driver knows, go back to
 * the block layer and from there to the device once more, or fail if it is gone
 * for good.  The queue is quiesced meanwhile: nobody but an interrupt, which
 * finds the virtqueues broken, is in the driver then.
 */
#ifdef CONFIG_PCI_RECOVERY

#include <linux/pci-recovery.h>

static int init_vq(struct virtio_blk *vblk);
static void virtblk_config_changed(struct virtio_device *vdev);
static void virtblk_map_queues(struct blk_mq_tag_set *set);
static int virtblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob);

static int virtblk_stop(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;

	/* In this order: a request that finds its virtqueue broken fails. */
	blk_mq_quiesce_queue(vblk->disk->queue);
	virtio_break_device(vdev);
	/* What the device says of itself now is not true. */
	virtio_config_driver_disable(vdev);
	flush_work(&vblk->config_work);
	return 0;
}

/* What is left in the virtqueues goes back to the block layer. */
static void virtblk_take_back(struct virtio_blk *vblk)
{
	struct virtblk_req *vbr;
	struct request *req;
	int i;

	if (list_empty(&vblk->vdev->vqs))
		return;
	for (i = 0; i < vblk->num_vqs; i++) {
		guard(spinlock_irqsave)(&vblk->vqs[i].lock);
		while ((vbr = virtqueue_detach_unused_buf(vblk->vqs[i].vq))) {
			req = blk_mq_rq_from_pdu(vbr);
			virtblk_unmap_data(req, vbr);
			virtblk_cleanup_cmd(req);
			blk_mq_requeue_request(req, false);
		}
	}
}

static void virtblk_free_vqs(struct virtio_blk *vblk)
{
	vblk->vdev->config->del_vqs(vblk->vdev);
	kfree(vblk->vqs);
	vblk->vqs = NULL;
}

/*
 * New virtqueues, of each type as many as the block layer knows: there may be others
 * if what was read is not true, or if a parameter was changed.
 */
static int virtblk_init_vqs(struct virtio_blk *vblk)
{
	int nr = vblk->num_vqs, ret, queues[ARRAY_SIZE(vblk->io_queues)];

	static_assert(sizeof(queues) == sizeof(vblk->io_queues));
	memcpy(queues, vblk->io_queues, sizeof(queues));
	ret = init_vq(vblk);
	if (ret) {
		vblk->vqs = NULL;
	} else if (memcmp(queues, vblk->io_queues, sizeof(queues))) {
		virtblk_free_vqs(vblk);
		ret = -EIO;
	}
	if (ret) {
		memcpy(vblk->io_queues, queues, sizeof(queues));
		vblk->num_vqs = nr;
	}
	return ret;
}

static int virtblk_again(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;
	int ret;

	virtblk_take_back(vblk);
	virtblk_free_vqs(vblk);
	ret = virtblk_init_vqs(vblk);
	if (ret)
		return ret;
	/* The block layer flushes, or not, by what user space chose. */
	if (virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE))
		virtio_cwrite8(vdev, offsetof(struct virtio_blk_config, wce),
			       blk_queue_write_cache(vblk->disk->queue));
	virtio_device_ready(vdev);
	return 0;
}

static void virtblk_run(struct virtio_blk *vblk)
{
	struct request_queue *q = vblk->disk->queue;

	blk_mq_unquiesce_queue(q);
	/* No interrupt comes any more for what had filled a virtqueue. */
	blk_mq_start_stopped_hw_queues(q, true);
	blk_mq_kick_requeue_list(q);
}

static int virtblk_go(struct virtio_device *vdev)
{
	virtblk_run(vdev->priv);
	/* An interrupt that told of a change may have been lost. */
	virtio_config_driver_enable(vdev);
	virtblk_config_changed(vdev);
	return 0;
}

/* A request takes long.  Nobody may have told of an error. */
static enum blk_eh_timer_return virtblk_recovery_timeout(struct request *req)
{
	struct virtio_blk *vblk = req->mq_hctx->queue->queuedata;

	virtio_recovery_check(vblk->vdev);
	return BLK_EH_RESET_TIMER;
}

static blk_status_t virtblk_dead_rq(struct blk_mq_hw_ctx *hctx,
				    const struct blk_mq_queue_data *bd)
{
	return BLK_STS_IOERR;
}

static void virtblk_dead_rqs(struct rq_list *rqlist) { }
static void virtblk_dead_commit(struct blk_mq_hw_ctx *hctx) { }

static int virtblk_dead_poll(struct blk_mq_hw_ctx *hctx,
			     struct io_comp_batch *iob)
{
	return 0;
}

/* All that virtio_mq_ops has, as they are looked at more than once. */
static const struct blk_mq_ops virtblk_dead_ops = {
	.queue_rq	= virtblk_dead_rq,
	.queue_rqs	= virtblk_dead_rqs,
	.commit_rqs	= virtblk_dead_commit,
	.complete	= virtblk_request_done,
	.map_queues	= virtblk_map_queues,
	.poll		= virtblk_dead_poll,
	.timeout	= virtblk_recovery_timeout,
};

/* All requests fail from here on.  The queue is quiesced, and the device broken. */
static void virtblk_fail(struct virtio_blk *vblk)
{
	virtblk_take_back(vblk);
	/* There may be no virtqueues.  The queue is quiesced, only polls may look. */
	WRITE_ONCE(vblk->disk->queue->mq_ops, &virtblk_dead_ops);
	/* Before it is not quiesced any more, for virtblk_recovery_poll(). */
	smp_wmb();
	virtblk_run(vblk);
}

static void virtblk_dead(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;

	virtblk_fail(vblk);
	blk_mark_disk_dead(vblk->disk);
}

/* The disk is being added or deleted, which waits for requests. */
static void virtblk_lost(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;

	blk_mq_quiesce_queue(vblk->disk->queue);
	virtblk_fail(vblk);
}

static int virtio_blk_recovery_add(struct virtio_device *vdev,
				   struct virtio_blk *vblk,
				   const struct attribute_group **groups)
{
	struct virtio_recovery_watch watch;
	int ret;

	virtio_recovery_watch(&watch, vdev, virtblk_lost);
	ret = device_add_disk(&vdev->dev, vblk->disk, groups);
	if (virtio_recovery_unwatch(&watch) && !ret)
		virtio_recovery_rebind(vdev);
	return ret;
}

static void virtio_blk_recovery_del(struct virtio_blk *vblk)
{
	struct virtio_recovery_watch watch;

	virtio_recovery_watch(&watch, vblk->vdev, virtblk_lost);
	del_gendisk(vblk->disk);
	/* It cancels that too, but before a watch that comes late. */
	if (virtio_recovery_unwatch(&watch))
		cancel_delayed_work_sync(&vblk->disk->queue->requeue_work);
}

static const struct virtio_recovery_ops virtblk_recovery_ops = {
	.stop	= virtblk_stop,
	.again	= virtblk_again,
	.go	= virtblk_go,
	.dead	= virtblk_dead,
};

/* Polling does not wait for a quiesced queue, but that waits for RCU. */
static int virtblk_recovery_poll(struct blk_mq_hw_ctx *hctx,
				 struct io_comp_batch *iob)
{
	guard(rcu)();
	if (blk_queue_quiesced(hctx->queue))
		return 0;
	/* Who polls may have looked for operations before virtblk_dead(): its pair. */
	smp_rmb();
	if (READ_ONCE(hctx->queue->mq_ops) == &virtblk_dead_ops)
		return 0;
	return virtblk_poll(hctx, iob);
}

/* All-ones is no capacity: nothing answers. */
static bool virtio_blk_recovery_lost(u64 capacity)
{
	return capacity == U64_MAX && pci_recovery_enabled();
}

/* How the cache is used.  All-ones are no mode: nothing answers. */
static u8 virtio_blk_recovery_mode(u8 mode, u8 otherwise)
{
	return mode == 0xff && pci_recovery_enabled() ? otherwise : mode;
}

/*
 * As if there were none.  But without one kernels before 6.13 take the lock of CPU
 * hotplug, whose owner may wait for requests that virtblk_go() sends.
 */
static void virtblk_calc_sets(struct irq_affinity *desc, unsigned int vectors)
{
	desc->nr_sets = 1;
	desc->set_size[0] = vectors;
}

#define virtio_blk_recovery_affinity	{ .calc_sets = virtblk_calc_sets }
#define virtio_blk_recovery_driver	{ .ops = &virtblk_recovery_ops }
#define virtio_blk_recovery_poll	virtblk_recovery_poll
#define virtio_blk_recovery_timeout	virtblk_recovery_timeout

#else

static inline bool virtio_blk_recovery_lost(u64 capacity)
{
	return false;
}

/* Not evaluated, so that the machine code is upstream's. */
#define virtio_blk_recovery_mode(mode, otherwise) \
	((void)sizeof(otherwise), (mode))
#define virtio_blk_recovery_affinity	{ 0, }
#define virtio_blk_recovery_add(vdev, vblk, groups) \
	device_add_disk(&(vdev)->dev, (vblk)->disk, groups)
#define virtio_blk_recovery_del(vblk)	del_gendisk((vblk)->disk)
#define virtio_blk_recovery_driver	{ }
#define virtio_blk_recovery_poll	virtblk_poll
#define virtio_blk_recovery_timeout	NULL

#endif
