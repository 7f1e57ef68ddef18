// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio devices whose PCI function has an error: what is asked of their drivers,
 * and when.
 *
 *	NONE --stop--> STOPPED --again--> READY --go--> NONE
 *			^------- stop -------'
 *	any --dead--> DEAD
 *	NONE --stop--> LOST	if the driver has no ops: it is rebound
 *
 * All of it is called under the virtio device's lock, below the PCI function's.
 */

#include <linux/export.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-health.h>
#include <linux/pci-recovery.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_recovery.h>

/* How often who spins looks into memory before the device is asked. */
#define POLLS_PER_CHECK		1024

static const struct virtio_recovery_ops *ops_of(struct virtio_device *vdev)
{
	device_lock_assert(&vdev->dev);

	if (!vdev->dev.driver)
		return NULL;
	return drv_to_virtio(vdev->dev.driver)->recovery.ops;
}

/* Was an error of the device published that is not dealt with? */
static bool offline(struct virtio_device *vdev)
{
	return vdev->recovery.core &&
	       pci_channel_offline(to_pci_dev(vdev->dev.parent));
}

/* Only a recovery makes it work again, whatever the platform thinks of it. */
static void request(struct virtio_device *vdev)
{
	if (vdev->recovery.core)
		pci_recovery_request(to_pci_dev(vdev->dev.parent));
}

/* Virtio 1.2, 2.1.2.  All-ones is no status: nothing answers. */
static bool needs_reset(struct virtio_device *vdev)
{
	u8 status = vdev->config->get_status(vdev);

	return status != 0xff && status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* It is looked at in interrupts. */
static void set_state(struct virtio_device *vdev, enum virtio_recovery_state state)
{
	WRITE_ONCE(vdev->recovery.state, state);
}

/**
 * virtio_recovery_check - does the device say that it needs a reset?
 * @vdev: a virtio device
 *
 * Virtio 1.2, 2.1.2: it sets DEVICE_NEEDS_RESET, and does nothing any more until it
 * is reset.  It tells so by a configuration change, if DRIVER_OK is set.  The platform
 * knows of no error then, so a recovery is asked for.  On platforms that do not tell
 * of an error, to read the status finds one.
 *
 * Also while an error is published: that may be withdrawn, and nobody tells again.
 *
 * Context: That of pci_recovery_request().  Does not touch a device whose driver was
 * stopped before; to one that is just being stopped it may come late, and then it is
 * recovered once more.
 * Return: true if it needs a reset, also if that is not to be had: who waits for it
 * waits in vain.
 */
bool virtio_recovery_check(struct virtio_device *vdev)
{
	enum virtio_recovery_state state = READ_ONCE(vdev->recovery.state);

	if (!vdev->recovery.core)
		return false;
	if (state != VIRTIO_RECOVERY_NONE && state != VIRTIO_RECOVERY_READY)
		return false;
	if (!needs_reset(vdev))
		return false;
	request(vdev);
	return true;
}
EXPORT_SYMBOL_GPL(virtio_recovery_check);

/* Not each time, as it is slow.  Some look with interrupts off, so not by a clock. */
static bool looks_again(struct virtio_device *vdev)
{
	if (!vdev->recovery.core)
		return false;
	/* Two may count at once: about that often is enough. */
	return !(data_race(++vdev->recovery.polls) % POLLS_PER_CHECK);
}

/**
 * virtio_recovery_broken - is there no point in waiting for a virtqueue?
 * @vq: the virtqueue
 *
 * For who waits without end, maybe with a lock that @virtio_recovery_ops.stop
 * needs.  If its device has an error the virtqueue is broken with this: nobody waits
 * any more for what is in it, and an answer must not be taken for that to something
 * else.  If the device turns out to be well it is recovered for that.
 *
 * Context: That of pci_recovery_request().
 * Return: true if the virtqueue is broken.
 */
bool virtio_recovery_broken(struct virtqueue *vq)
{
	struct virtio_device *vdev = vq->vdev;

	if (virtqueue_is_broken(vq))
		return true;
	if (offline(vdev)) {
		__virtqueue_break(vq);
		request(vdev);
	} else if (looks_again(vdev) && virtio_recovery_check(vdev)) {
		__virtqueue_break(vq);
	}
	return virtqueue_is_broken(vq);
}
EXPORT_SYMBOL_GPL(virtio_recovery_broken);

/**
 * virtio_recovery_get_buf - has the device answered, or will it not?
 * @vq: the virtqueue
 * @len: how much the device wrote
 *
 * As virtqueue_get_buf(), for who waits for it.
 *
 * Context: As virtqueue_get_buf().
 * Return: true if there is nothing to wait for any more.
 */
bool virtio_recovery_get_buf(struct virtqueue *vq, unsigned int *len)
{
	return virtqueue_get_buf(vq, len) || virtio_recovery_broken(vq);
}
EXPORT_SYMBOL_GPL(virtio_recovery_get_buf);

/**
 * virtio_recovery_enable_cb_delayed - enable callbacks, or see that there is no point
 * @vq: the virtqueue
 *
 * As virtqueue_enable_cb_delayed(), for who does that until it succeeds.
 *
 * Context: As virtqueue_enable_cb_delayed().
 * Return: true if callbacks come, or none will as the virtqueue is broken.
 */
bool virtio_recovery_enable_cb_delayed(struct virtqueue *vq)
{
	return virtqueue_enable_cb_delayed(vq) || virtqueue_is_broken(vq);
}
EXPORT_SYMBOL_GPL(virtio_recovery_enable_cb_delayed);

static void watch_work(struct work_struct *work)
{
	struct virtio_recovery_watch *watch;

	watch = container_of(work, struct virtio_recovery_watch, work.work);
	/* What has failed, but is not recovered, need not be published. */
	if (!virtio_recovery_check(watch->vdev) && !offline(watch->vdev)) {
		schedule_delayed_work(&watch->work, VIRTIO_RECOVERY_PERIOD);
		return;
	}
	virtio_break_device(watch->vdev);
	/* It may not be isolated, and write into memory that is given back. */
	virtio_reset_device(watch->vdev);
	watch->failed = true;
	watch->fail(watch->vdev);
}

/**
 * virtio_recovery_watch - end a wait under the device lock if the device has an error
 * @watch: on the caller's stack
 * @vdev: his device
 * @fail: ends what he is about to wait for, as the device will not; it comes once, in
 *	process context, and must not need a lock that he holds
 *
 * For a driver's probe() and remove() that wait for its device: its recovery needs the
 * device lock, so it comes too late.  And a gate that is closing for remove() does not
 * tell that its device was frozen, so somebody has to look.
 *
 * Context: Process context, the device lock held.
 */
void virtio_recovery_watch(struct virtio_recovery_watch *watch,
			   struct virtio_device *vdev,
			   void (*fail)(struct virtio_device *vdev))
{
	device_lock_assert(&vdev->dev);

	watch->vdev = vdev;
	watch->fail = fail;
	watch->failed = false;
	INIT_DELAYED_WORK_ONSTACK(&watch->work, watch_work);
	if (vdev->recovery.core)
		schedule_delayed_work(&watch->work, VIRTIO_RECOVERY_PERIOD);
}
EXPORT_SYMBOL_GPL(virtio_recovery_watch);

/**
 * virtio_recovery_unwatch - the wait is over
 * @watch: was given to virtio_recovery_watch()
 *
 * Context: That of virtio_recovery_watch().  Waits until @fail has returned.
 * Return: Was it called?
 */
bool virtio_recovery_unwatch(struct virtio_recovery_watch *watch)
{
	cancel_delayed_work_sync(&watch->work);
	destroy_delayed_work_on_stack(&watch->work);
	return watch->failed;
}
EXPORT_SYMBOL_GPL(virtio_recovery_unwatch);

/**
 * virtio_recovery_rebind - have a driver rebound that was probed without its device
 * @vdev: a virtio device; in its probe(), a watch made I/O fail
 *
 * The error may turn out to be none, but the driver does not work.
 *
 * Context: Process context, the device lock held.
 */
void virtio_recovery_rebind(struct virtio_device *vdev)
{
	device_lock_assert(&vdev->dev);

	set_state(vdev, VIRTIO_RECOVERY_DEAD);
	request(vdev);
}
EXPORT_SYMBOL_GPL(virtio_recovery_rebind);

/**
 * virtio_recovery_stop - have a driver leave its device alone
 * @vdev: a virtio device that has an error
 *
 * Context: Process context.  Does not touch the device.
 * Return: 0, or -EOPNOTSUPP if its driver has to be rebound.
 */
int virtio_recovery_stop(struct virtio_device *vdev)
{
	const enum virtio_recovery_state *state = &vdev->recovery.state;
	const struct virtio_recovery_ops *ops;

	guard(device)(&vdev->dev);
	ops = ops_of(vdev);
	if (*state == VIRTIO_RECOVERY_NONE) {
		set_state(vdev, VIRTIO_RECOVERY_LOST);
		if (!ops || !ops->stop || ops->stop(vdev)) {
			/* Some wait with interrupts off. */
			virtio_break_device(vdev);
			return -EOPNOTSUPP;
		}
		set_state(vdev, VIRTIO_RECOVERY_STOPPED);
	}
	if (*state == VIRTIO_RECOVERY_READY) {
		virtio_break_device(vdev);
		set_state(vdev, VIRTIO_RECOVERY_STOPPED);
	}
	return *state == VIRTIO_RECOVERY_STOPPED ? 0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(virtio_recovery_stop);

/* Virtio 1.2, 3.1.1: from reset to where the virtqueues are set up. */
static int negotiate(struct virtio_device *vdev)
{
	int ret;

	virtio_reset_device(vdev);
	virtio_add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	virtio_add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	ret = vdev->config->finalize_features(vdev);
	if (ret || !virtio_has_feature(vdev, VIRTIO_F_VERSION_1))
		return ret;
	virtio_add_status(vdev, VIRTIO_CONFIG_S_FEATURES_OK);
	/* All that were negotiated before, or it is not the same device. */
	if (!(vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK))
		return -ENODEV;
	return 0;
}

/**
 * virtio_recovery_again - have a driver set up its device again
 * @vdev: a virtio device whose PCI function was reset
 *
 * The reset of the function need not have reset the virtio device.
 *
 * Context: Process context.
 * Return: 0; -ESTALE if the driver was not stopped by virtio_recovery_stop(); or another
 * error, then it can be called once more, after another reset.
 */
int virtio_recovery_again(struct virtio_device *vdev)
{
	const struct virtio_recovery_ops *ops;
	int ret;

	guard(device)(&vdev->dev);
	ops = ops_of(vdev);
	/* It was taken off the device, by hand, which may not have been reset then. */
	if (!vdev->dev.driver) {
		virtio_reset_device(vdev);
		virtio_add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
		return 0;
	}
	/* Or another was put there. */
	if (vdev->recovery.state != VIRTIO_RECOVERY_STOPPED)
		return -ESTALE;
	ret = negotiate(vdev);
	if (!ret)
		ret = ops->again(vdev);
	if (ret) {
		dev_warn(&vdev->dev, "not set up after a reset: %d\n", ret);
		virtio_add_status(vdev, VIRTIO_CONFIG_S_FAILED);
		return ret;
	}
	set_state(vdev, VIRTIO_RECOVERY_READY);
	return 0;
}
EXPORT_SYMBOL_GPL(virtio_recovery_again);

/**
 * virtio_recovery_go - have a driver use its device again
 * @vdev: a virtio device that works again
 *
 * If it cannot, as there is no memory, another recovery is asked for.
 *
 * Context: Process context.
 */
void virtio_recovery_go(struct virtio_device *vdev)
{
	int ret;

	guard(device)(&vdev->dev);
	if (vdev->recovery.state != VIRTIO_RECOVERY_READY)
		return;
	ret = ops_of(vdev)->go(vdev);
	if (!ret) {
		set_state(vdev, VIRTIO_RECOVERY_NONE);
		/* What was so before DRIVER_OK it does not tell. */
		virtio_recovery_check(vdev);
		return;
	}
	dev_warn(&vdev->dev, "does not go on after a reset: %d\n", ret);
	request(vdev);
}
EXPORT_SYMBOL_GPL(virtio_recovery_go);

/* Those who wait look at virtqueue_is_broken(), when they are woken. */
static void wake_all(struct virtio_device *vdev)
{
	struct virtqueue *vq;

	virtio_device_for_each_vq(vdev, vq) {
		guard(irqsave)();
		if (vq->callback)
			vq->callback(vq);
	}
}

static void dead(struct virtio_device *vdev)
{
	const enum virtio_recovery_state *state = &vdev->recovery.state;
	const struct virtio_recovery_ops *ops = ops_of(vdev);

	if (*state == VIRTIO_RECOVERY_DEAD)
		return;
	virtio_break_device(vdev);
	if (ops && ops->stop && *state == VIRTIO_RECOVERY_NONE)
		ops->stop(vdev);
	set_state(vdev, VIRTIO_RECOVERY_DEAD);
	if (ops && ops->dead)
		ops->dead(vdev);
	else if (vdev->dev.driver)
		wake_all(vdev);
}

/**
 * virtio_recovery_dead - have a driver give up its device
 * @vdev: a virtio device that is gone for good
 *
 * Context: Process context.  Does not touch the device.
 */
void virtio_recovery_dead(struct virtio_device *vdev)
{
	guard(device)(&vdev->dev);
	dead(vdev);
}
EXPORT_SYMBOL_GPL(virtio_recovery_dead);

/* Has it an error that is not dealt with?  If nobody has found it, it will be. */
static bool busy(struct virtio_device *vdev)
{
	return READ_ONCE(vdev->recovery.state) != VIRTIO_RECOVERY_NONE ||
	       offline(vdev) || virtio_recovery_check(vdev);
}

/*
 * If it has an error nothing comes that the driver's remove() waits for.  And if it
 * answers it may still write into memory that dead() gives back.
 */
static void remove(struct virtio_device *vdev)
{
	device_lock_assert(&vdev->dev);

	if (vdev->recovery.state != VIRTIO_RECOVERY_NONE || offline(vdev) ||
	    needs_reset(vdev)) {
		virtio_break_device(vdev);
		virtio_reset_device(vdev);
		dead(vdev);
		/* For the next driver; until then virtio itself keeps quiet. */
		virtio_config_driver_enable(vdev);
	}
	set_state(vdev, VIRTIO_RECOVERY_NONE);
}

const struct virtio_recovery_core virtio_recovery_core = {
	.remove	= remove,
	.busy	= busy,
	.check	= virtio_recovery_check,
};
EXPORT_SYMBOL_GPL(virtio_recovery_core);

MODULE_DESCRIPTION("Recovery of virtio devices from PCI errors");
MODULE_LICENSE("GPL");
