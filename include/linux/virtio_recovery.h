/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtio devices whose PCI function has an error, see
 * Documentation/PCI/pci-recovery-virtio.rst.
 *
 * Without CONFIG_PCI_RECOVERY nothing of it is left.
 */
#ifndef _LINUX_VIRTIO_RECOVERY_H
#define _LINUX_VIRTIO_RECOVERY_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct virtio_device;
struct virtqueue;

/**
 * struct virtio_recovery_ops - what a virtio driver does about an error
 * @stop: use the device no more, and let nobody else, and break the virtqueues,
 *	where what is in them stays.  The device may not answer.  0, or an error
 *	if the driver cannot do that at the moment.
 * @again: the device was reset, its features were negotiated: take what it has
 *	not done out of the virtqueues, delete them, have new ones, and set
 *	DRIVER_OK.  0 or an error; what was taken out is kept even then.
 * @go: use it again; 0, or an error: then all is as before.
 * @dead: it will never be used again, nor may anybody wait for it.  Comes after
 *	@stop, with old virtqueues, new ones, or none if @again failed.
 *
 * A driver without @stop is rebound.  All of it is called under the device lock
 * of the virtio device and may sleep.
 */
struct virtio_recovery_ops {
	int (*stop)(struct virtio_device *vdev);
	int (*again)(struct virtio_device *vdev);
	int (*go)(struct virtio_device *vdev);
	void (*dead)(struct virtio_device *vdev);
};

/**
 * enum virtio_recovery_state - how far a virtio device's recovery is
 * @VIRTIO_RECOVERY_NONE: nothing is the matter
 * @VIRTIO_RECOVERY_LOST: it has an error of which its driver does not know
 * @VIRTIO_RECOVERY_STOPPED: its driver does not use it
 * @VIRTIO_RECOVERY_READY: nor does it yet, but could
 * @VIRTIO_RECOVERY_DEAD: its driver never will
 */
enum virtio_recovery_state {
	VIRTIO_RECOVERY_NONE,
	VIRTIO_RECOVERY_LOST,
	VIRTIO_RECOVERY_STOPPED,
	VIRTIO_RECOVERY_READY,
	VIRTIO_RECOVERY_DEAD,
};

#ifdef CONFIG_PCI_RECOVERY

/**
 * struct virtio_recovery_core - what virtio.ko calls of virtio_recovery.ko
 * @remove: a driver is about to be taken off its device
 * @busy: has the device an error that is not dealt with?
 * @check: virtio_recovery_check()
 *
 * That needs virtio.ko itself.
 */
struct virtio_recovery_core {
	void (*remove)(struct virtio_device *vdev);
	bool (*busy)(struct virtio_device *vdev);
	bool (*check)(struct virtio_device *vdev);
};

extern const struct virtio_recovery_core virtio_recovery_core;

/**
 * struct virtio_recovery - what a virtio device has for recovery
 * @state: how far that is; changed under the device lock
 * @polls: how often who spins has looked for an answer, about
 * @core: virtio_recovery_core if it is a PCI device that is recovered, or NULL
 */
struct virtio_recovery {
	enum virtio_recovery_state state;
	unsigned int polls;
	const struct virtio_recovery_core *core;
};

/**
 * struct virtio_recovery_driver - what a virtio driver has for recovery
 * @ops: what it does, or NULL: then it is rebound
 */
struct virtio_recovery_driver {
	const struct virtio_recovery_ops *ops;
};

/**
 * struct virtio_recovery_watch - for a wait under the device lock
 * @work: looks for an error now and then
 * @vdev: of this device
 * @fail: ends what is waited for
 * @failed: it was called
 *
 * On the stack of who waits.
 */
struct virtio_recovery_watch {
	struct delayed_work work;
	struct virtio_device *vdev;
	void (*fail)(struct virtio_device *vdev);
	bool failed;
};

/* How often who waits looks whether the device has an error, in jiffies. */
#define VIRTIO_RECOVERY_PERIOD	(HZ / 10)

void virtio_recovery_watch(struct virtio_recovery_watch *watch,
			   struct virtio_device *vdev,
			   void (*fail)(struct virtio_device *vdev));
bool virtio_recovery_unwatch(struct virtio_recovery_watch *watch);
void virtio_recovery_rebind(struct virtio_device *vdev);
int virtio_recovery_stop(struct virtio_device *vdev);
int virtio_recovery_again(struct virtio_device *vdev);
void virtio_recovery_go(struct virtio_device *vdev);
void virtio_recovery_dead(struct virtio_device *vdev);
bool virtio_recovery_check(struct virtio_device *vdev);
bool virtio_recovery_broken(struct virtqueue *vq);
bool virtio_recovery_get_buf(struct virtqueue *vq, unsigned int *len);
bool virtio_recovery_enable_cb_delayed(struct virtqueue *vq);

static inline bool virtio_recovery_lost(struct virtqueue *vq)
{
	return virtio_recovery_broken(vq);
}

/* Macros, for struct virtio_device has the former ones inside. */
#define virtio_recovery_remove(vdev) do {				\
	struct virtio_device *__vdev = (vdev);				\
									\
	if (__vdev->recovery.core)					\
		__vdev->recovery.core->remove(__vdev);			\
} while (0)

#define virtio_recovery_changed(vdev) do {				\
	struct virtio_device *__vdev = (vdev);				\
									\
	if (__vdev->recovery.core)					\
		__vdev->recovery.core->check(__vdev);			\
} while (0)

#define virtio_recovery_busy(vdev) ({					\
	struct virtio_device *__vdev = (vdev);				\
									\
	__vdev->recovery.core && __vdev->recovery.core->busy(__vdev);	\
})

/* Wait for an answer.  Nobody wakes for an error while its remove() waits for that. */
#define virtio_recovery_wait_buf(queue, vq, len) do {			\
	struct virtqueue *__vq = (vq);					\
	long __period = __vq->vdev->recovery.core ?			\
		VIRTIO_RECOVERY_PERIOD : MAX_SCHEDULE_TIMEOUT;		\
									\
	while (!wait_event_timeout(queue,				\
				   virtio_recovery_get_buf(__vq, len),	\
				   __period)) {				\
		if (virtio_recovery_check(__vq->vdev))			\
			__virtqueue_break(__vq);			\
	}								\
} while (0)

/* A number of 32 bits, of config space: is it what is read if nothing answers? */
#define virtio_recovery_unread(vdev, number)				\
	((vdev)->recovery.core && (number) == U32_MAX)

#else

struct virtio_recovery { };
struct virtio_recovery_driver { };

static inline void virtio_recovery_remove(struct virtio_device *vdev) { }
static inline void virtio_recovery_changed(struct virtio_device *vdev) { }

static inline bool virtio_recovery_busy(struct virtio_device *vdev)
{
	return false;
}

static inline bool virtio_recovery_lost(struct virtqueue *vq)
{
	return false;
}

static inline bool virtio_recovery_unread(struct virtio_device *vdev, u32 number)
{
	return false;
}

#define virtio_recovery_broken(vq)		virtqueue_is_broken(vq)
#define virtio_recovery_wait_buf(queue, vq, len) \
	wait_event(queue, virtqueue_get_buf(vq, len))
#define virtio_recovery_enable_cb_delayed(vq)	virtqueue_enable_cb_delayed(vq)

#endif

#endif /* _LINUX_VIRTIO_RECOVERY_H */
