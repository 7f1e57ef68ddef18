// SPDX-License-Identifier: GPL-2.0
/*
 * Those who poll a file behind a gate are woken whenever something has changed.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/pci-gate-file.h>

#include "suites.h"
#include "../recovery.h"

#define NAME	"gate_poll_kunit"

static struct pci_gate *gate;
static struct fake_pe *fpe;
static struct file *filp;
static __poll_t events;

static __poll_t drv_poll(struct pci_gate_file *file)
{
	return READ_ONCE(events);
}

static const struct pci_gate_file_ops drv_ops = {
	.poll = drv_poll,
};

static void put_file(void *unused)
{
	__fput_sync(filp);
}

static void a_file(struct kunit *test)
{
	fpe = suite_pe(test, FAKE_AWARE);
	gate = suite_gate(test, &fpe->fn[0]);
	events = EPOLLOUT;
	KUNIT_ASSERT_EQ(test, pci_gate_add_file(gate, NAME, 0600, &drv_ops,
						NULL), 0);
	filp = filp_open("/dev/" NAME, O_RDWR, 0);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "open: %ld", PTR_ERR(filp));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, NULL),
			0);
}

/* One who polls. */
static struct {
	poll_table table;
	struct wait_queue_entry entry[2];
	struct wait_queue_head *head[2];
	unsigned int n;
	atomic_t woken;
} poller;

static int poll_woken(struct wait_queue_entry *entry, unsigned int mode,
		      int sync, void *key)
{
	atomic_inc(&poller.woken);
	return 0;
}

static void poll_queue(struct file *unused, struct wait_queue_head *head,
		       poll_table *table)
{
	unsigned int i = poller.n++;

	if (i >= ARRAY_SIZE(poller.entry))
		return;
	poller.head[i] = head;
	init_waitqueue_func_entry(&poller.entry[i], poll_woken);
	add_wait_queue(head, &poller.entry[i]);
}

static __poll_t poll_begin(void)
{
	poller.n = 0;
	atomic_set(&poller.woken, 0);
	init_poll_funcptr(&poller.table, poll_queue);
	return vfs_poll(filp, &poller.table);
}

static void poll_end(struct kunit *test)
{
	unsigned int i;

	KUNIT_ASSERT_LE(test, poller.n, ARRAY_SIZE(poller.entry));
	for (i = 0; i < poller.n; i++)
		remove_wait_queue(poller.head[i], &poller.entry[i]);
}

static bool was_woken(void)
{
	unsigned int i;

	for (i = 0; i < SUITE_MS && !atomic_read(&poller.woken); i++)
		usleep_range(1000, 2000);
	return atomic_read(&poller.woken);
}

#define expect_events(test, expected)					\
	KUNIT_EXPECT_EQ(test, (__force u32)vfs_poll(filp, NULL),	\
			(__force u32)(expected))

static void poll_states(struct kunit *test)
{
	a_file(test);
	KUNIT_EXPECT_EQ(test, (__force u32)poll_begin(),
			(__force u32)EPOLLOUT);
	pci_gate_file_wake(filp->private_data);
	KUNIT_EXPECT_TRUE(test, was_woken());
	/* What happens while it is frozen is seen after the thaw. */
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	expect_events(test, 0);
	atomic_set(&poller.woken, 0);
	WRITE_ONCE(events, EPOLLIN);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_TRUE(test, was_woken());
	expect_events(test, EPOLLIN);
	/* The driver sleeps in poll's queues for as long as it likes. */
	atomic_set(&poller.woken, 0);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_TRUE(test, was_woken());
	expect_events(test, EPOLLERR | EPOLLHUP);
	pci_gate_file_wake(filp->private_data);
	poll_end(test);
}

static void poll_dead(struct kunit *test)
{
	a_file(test);
	poll_begin();
	pci_gate_kill(gate);
	KUNIT_EXPECT_TRUE(test, was_woken());
	expect_events(test, EPOLLERR | EPOLLHUP);
	poll_end(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(poll_states),
	KUNIT_CASE(poll_dead),
	{ }
};

struct kunit_suite gate_poll_suite = {
	.name = "pci_gate_poll",
	.test_cases = cases,
};
