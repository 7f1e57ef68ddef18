// SPDX-License-Identifier: GPL-2.0
/*
 * The notify window: the rescan/remove lock for all PEs that notify at once.
 *
 * Drivers are called under pci_lock_rescan_remove(), so that no function comes
 * or goes.  Were each PE to take it, 150 PEs whose callbacks take 50 ms would
 * take 7.5 s, and one stuck callback would stop all hotplug of the machine.
 * So one worker takes the lock for everybody who wants to notify; they enter,
 * call their drivers in parallel, each under its device lock, and leave:
 *
 *	closed -> (somebody waits) -> lock -> open -> (nobody inside) -> unlock
 *
 * After window_ms nobody may enter any more, until hotplug had its chance.  Those
 * who are still inside after OVERSTAY times as long, or callback_ms if that is
 * less, are expelled: the lock is dropped, but pci_stop_dev() still waits for a
 * member's device lock, and the member checks again whether its device is there
 * when it next enters.
 */

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/wait.h>

#include "recovery.h"

/* A callback takes milliseconds, or it waits for something. */
#define OVERSTAY	10

static void window_work(struct work_struct *work);

static struct {
	spinlock_t lock; /* all below the queues */
	wait_queue_head_t outside;
	wait_queue_head_t empty;
	struct work_struct work;
	bool open;
	unsigned int waiting;
	struct list_head inside;
	unsigned long opened;
} window = {
	.lock = __SPIN_LOCK_UNLOCKED(window.lock),
	.outside = __WAIT_QUEUE_HEAD_INITIALIZER(window.outside),
	.empty = __WAIT_QUEUE_HEAD_INITIALIZER(window.empty),
	.work = __WORK_INITIALIZER(window.work, window_work),
	.inside = LIST_HEAD_INIT(window.inside),
};

/*
 * The members do not hold the lock themselves, so lockdep has to be told:
 * they wait for it (wait -> lock), and do so as if inside it (lock -> held).
 */
#ifdef CONFIG_LOCKDEP
static struct lockdep_map wait_map =
	STATIC_LOCKDEP_MAP_INIT("pci_recovery_window_wait", &wait_map);
static struct lockdep_map held_map =
	STATIC_LOCKDEP_MAP_INIT("pci_recovery_window", &held_map);
#endif

/* Its own: all the workers of the other queues may be waiting for it. */
static struct workqueue_struct *window_wq;

int __init pci_window_init(void)
{
	window_wq = alloc_ordered_workqueue("pci_recovery_window", 0);
	return window_wq ? 0 : -ENOMEM;
}

static bool window_within(unsigned long limit)
{
	return time_before(jiffies, window.opened + limit + 1);
}

static bool window_takes(void)
{
	return window.open &&
	       window_within(msecs_to_jiffies(pci_recovery_window_ms));
}

/* Nor is a member left inside that is past its deadline. */
static bool window_patient(void)
{
	unsigned long limit = msecs_to_jiffies(pci_recovery_window_ms);

	return window_within(min(OVERSTAY * limit,
				 msecs_to_jiffies(pci_recovery_callback_ms)));
}

static void window_expel(void)
{
	struct pci_episode *ep, *next;

	lockdep_assert_held(&window.lock);
	list_for_each_entry_safe(ep, next, &window.inside, in_window) {
		set_bit(PE_EXPELLED, &ep->pe->flags);
		list_del_init(&ep->in_window);
	}
}

/* Nobody may slip in between the decision and the closing. */
static bool window_try_close(void)
{
	guard(spinlock)(&window.lock);
	if (!window_patient())
		window_expel();
	if (!list_empty(&window.inside) || (window.waiting && window_takes()))
		return false;
	window.open = false;
	return true;
}

/* The one task that holds the lock, from opening to closing. */
static void window_work(struct work_struct *work)
{
	lock_map_acquire(&wait_map);
	pci_lock_rescan_remove();
	lock_map_acquire(&held_map);
	lock_map_release(&held_map);

	spin_lock(&window.lock);
	window.open = true;
	window.opened = jiffies;
	spin_unlock(&window.lock);
	wake_up_all(&window.outside);

	/* Those who wait enter at once; the limits are for those who do not. */
	while (!wait_event_timeout(window.empty, window_try_close(), HZ / 50))
		;
	pci_unlock_rescan_remove();

	scoped_guard(spinlock, &window.lock) {
		if (window.waiting)
			queue_work(window_wq, &window.work);
	}
	lock_map_release(&wait_map);
}

static bool window_try_enter(struct pci_episode *ep)
{
	guard(spinlock)(&window.lock);
	if (!window_takes()) {
		if (!window.open)
			queue_work(window_wq, &window.work);
		return false;
	}
	window.waiting--;
	list_add(&ep->in_window, &window.inside);
	return true;
}

/* Until pci_window_leave() no PCI function is added or removed. */
void pci_window_enter(struct pci_episode *ep)
{
	lock_map_acquire(&wait_map);
	lock_map_release(&wait_map);

	spin_lock(&window.lock);
	window.waiting++;
	spin_unlock(&window.lock);
	wait_event(window.outside, window_try_enter(ep));
	lock_map_acquire_read(&held_map);
}

void pci_window_leave(struct pci_episode *ep)
{
	bool empty;

	lock_map_release(&held_map);
	spin_lock(&window.lock);
	/* Maybe it was expelled before. */
	list_del_init(&ep->in_window);
	clear_bit(PE_EXPELLED, &ep->pe->flags);
	empty = list_empty(&window.inside);
	spin_unlock(&window.lock);
	/* Not those outside, whom every leaving would wake for nothing. */
	if (empty)
		wake_up(&window.empty);
}
