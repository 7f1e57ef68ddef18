// SPDX-License-Identifier: GPL-2.0
/*
 * Files behind a gate: calls end with the driver, and it is told once of each.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/pci-gate-file.h>
#include <linux/sched/signal.h>

#include "suites.h"
#include "../recovery.h"

#define NAME	"gate_file_kunit"
#define PATH	"/dev/" NAME

/* What ioctl does. */
#define STUBBORN	1

/* The driver, and what it saw. */
static struct pci_gate *gate;
static struct fake_pe *fpe;
static bool ready, removed;
static atomic_t opens, releases, inside, late;
static struct completion stubborn;
static unsigned int released_at_remove, inside_at_remove;
static int open_error;

/* Each call checks that the driver is still there. */
static void called(void)
{
	if (READ_ONCE(removed))
		atomic_inc(&late);
}

static int drv_open(struct pci_gate_file *file)
{
	called();
	if (open_error)
		return open_error;
	atomic_inc(&opens);
	return 0;
}

static void drv_release(struct pci_gate_file *file)
{
	called();
	atomic_inc(&releases);
}

static ssize_t drv_read(struct pci_gate_file *file, char __user *buf,
			size_t count)
{
	long ret;

	called();
	atomic_inc(&inside);
	ret = pci_gate_wait_event_timeout(gate, pci_gate_file_wait_queue(file),
					  READ_ONCE(ready), 20 * HZ,
					  PCI_GATE_WAIT_INTERRUPTIBLE);
	called();
	atomic_dec(&inside);
	return ret > 0 ? 1 : ret ?: -ETIMEDOUT;
}

static long drv_ioctl(struct pci_gate_file *file, unsigned int cmd,
		      unsigned long arg)
{
	called();
	if (cmd != STUBBORN)
		return -ENOTTY;
	atomic_inc(&inside);
	wait_for_completion(&stubborn);
	called();
	atomic_dec(&inside);
	return 0;
}

static __poll_t drv_poll(struct pci_gate_file *file)
{
	called();
	return EPOLLOUT;
}

static const struct pci_gate_file_ops drv_ops = {
	.open = drv_open,
	.release = drv_release,
	.read = drv_read,
	.ioctl = drv_ioctl,
	.poll = drv_poll,
};

static void hook(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_REMOVE)
		return;
	released_at_remove = atomic_read(&releases);
	inside_at_remove = atomic_read(&inside);
	WRITE_ONCE(removed, true);
}

/* A function with a device file. */
static void a_node(struct kunit *test)
{
	fpe = suite_pe(test, FAKE_AWARE);
	gate = suite_gate(test, &fpe->fn[0]);
	ready = false;
	removed = false;
	open_error = 0;
	atomic_set(&opens, 0);
	atomic_set(&releases, 0);
	atomic_set(&inside, 0);
	atomic_set(&late, 0);
	init_completion(&stubborn);
	released_at_remove = 1234;
	inside_at_remove = 1234;
	WRITE_ONCE(fpe->fn[0].hook, hook);
	KUNIT_ASSERT_EQ(test, pci_gate_add_file(gate, NAME, 0600, &drv_ops,
						fpe), 0);
}

static void put_file(void *filp)
{
	__fput_sync(filp);
}

static struct file *open_node(struct kunit *test, int flags)
{
	struct file *filp = filp_open(PATH, O_RDWR | flags, 0);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "open: %ld", PTR_ERR(filp));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, filp),
			0);
	return filp;
}

static void close_file(struct kunit *test, struct file *filp)
{
	kunit_release_action(test, put_file, filp);
}

static void unbind(void)
{
	device_release_driver(&fpe->fn[0].pdev->dev);
}

static long do_read(struct file *filp)
{
	return filp->f_op->read(filp, NULL, 1, NULL);
}

static long do_ioctl(struct file *filp, unsigned int cmd)
{
	return filp->f_op->unlocked_ioctl(filp, cmd, 0);
}

/* Others who use a file. */
static struct file *used;
static struct task_struct *user;

static long read_task(struct suite_task *task)
{
	user = current;
	allow_signal(SIGUSR1);
	complete(&task->begun);
	return do_read(used);
}

static long ioctl_task(struct suite_task *task)
{
	complete(&task->begun);
	return do_ioctl(used, STUBBORN);
}

static long unbind_task(struct suite_task *task)
{
	complete(&task->begun);
	unbind();
	return 0;
}

static bool becomes(atomic_t *var, int value)
{
	unsigned int i;

	for (i = 0; i < SUITE_MS && atomic_read(var) != value; i++)
		usleep_range(1000, 2000);
	return atomic_read(var) == value;
}

static void expect_nothing_left(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&late), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&opens), atomic_read(&releases));
	KUNIT_EXPECT_EQ(test, atomic_read(&opens), released_at_remove);
	KUNIT_EXPECT_EQ(test, inside_at_remove, 0);
}

/* A call that sleeps ends, and the file is released, before remove(). */
static void file_unbind(struct kunit *test)
{
	struct suite_task task;
	struct file *again;

	a_node(test);
	used = open_node(test, 0);
	suite_start(test, &task, gate, read_task);
	KUNIT_ASSERT_TRUE(test, becomes(&inside, 1));
	unbind();
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ENODEV);
	expect_nothing_left(test);
	/* And later ones. */
	KUNIT_EXPECT_EQ(test, do_read(used), -ENODEV);
	KUNIT_EXPECT_EQ(test, do_ioctl(used, 0), -ENODEV);
	again = filp_open(PATH, O_RDWR, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(again), -ENOENT);
	close_file(test, used);
	expect_nothing_left(test);
}

/* Closed before, while another one is open. */
static void file_release(struct kunit *test)
{
	struct file *one, *two, *three;

	a_node(test);
	one = open_node(test, 0);
	two = open_node(test, 0);
	three = open_node(test, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&opens), 3);
	close_file(test, two);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 1);
	/* Does not wait for the thaw. */
	pci_gate_freeze(gate);
	close_file(test, three);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 2);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	unbind();
	expect_nothing_left(test);
	close_file(test, one);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 3);
}

/* Not opened, not released. */
static void file_open_fails(struct kunit *test)
{
	struct file *filp;

	a_node(test);
	open_error = -EBUSY;
	filp = filp_open(PATH, O_RDWR, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(filp), -EBUSY);
	unbind();
	expect_nothing_left(test);
}

/* While it is frozen a call waits, or says so, and goes on after the thaw. */
static void file_frozen(struct kunit *test)
{
	struct file *nonblock, *filp;
	struct suite_task task;

	a_node(test);
	used = open_node(test, 0);
	nonblock = open_node(test, O_NONBLOCK);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_EQ(test, do_read(nonblock), -EAGAIN);
	KUNIT_EXPECT_EQ(test, do_ioctl(nonblock, 0), -EAGAIN);
	filp = filp_open(PATH, O_RDWR | O_NONBLOCK, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(filp), -EAGAIN);
	suite_start(test, &task, gate, read_task);
	msleep(50);
	KUNIT_EXPECT_EQ(test, atomic_read(&inside), 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	WRITE_ONCE(ready, true);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 1);
}

/* Who waits for a thaw that does not come. */
static void file_frozen_ends(struct kunit *test)
{
	struct suite_task task;

	a_node(test);
	used = open_node(test, 0);
	pci_gate_freeze(gate);
	suite_start(test, &task, gate, read_task);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	send_sig(SIGUSR1, user, 1);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ERESTARTSYS);
	suite_start(test, &task, gate, read_task);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	unbind();
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ENODEV);
	expect_nothing_left(test);
}

/* A call that runs ends by a freeze, and by a signal. */
static void file_call_ends(struct kunit *test)
{
	struct suite_task task;

	a_node(test);
	used = open_node(test, 0);
	suite_start(test, &task, gate, read_task);
	KUNIT_ASSERT_TRUE(test, becomes(&inside, 1));
	send_sig(SIGUSR1, user, 1);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ERESTARTSYS);
	suite_start(test, &task, gate, read_task);
	KUNIT_ASSERT_TRUE(test, becomes(&inside, 1));
	suite_error(test, fpe);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -EAGAIN);
	/* The same file can be used afterwards. */
	WRITE_ONCE(ready, true);
	KUNIT_EXPECT_EQ(test, do_read(used), 1);
}

/* The device is given up, and the driver still bound. */
static void file_dead(struct kunit *test)
{
	struct suite_task task;

	a_node(test);
	used = open_node(test, 0);
	suite_start(test, &task, gate, read_task);
	KUNIT_ASSERT_TRUE(test, becomes(&inside, 1));
	pci_gate_kill(gate);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, do_read(used), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 0);
	unbind();
	expect_nothing_left(test);
}

/*
 * A call that nothing ends: remove() is not called under it, although it is after a
 * while for somebody who only holds the gate.
 */
static void file_stubborn(struct kunit *test)
{
	struct suite_task call, task;

	a_node(test);
	used = open_node(test, 0);
	suite_limits(test, 100, 100);
	suite_start(test, &call, gate, ioctl_task);
	KUNIT_ASSERT_TRUE(test, becomes(&inside, 1));
	suite_start(test, &task, gate, unbind_task);
	msleep(500);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(removed));
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 0);
	complete_all(&stubborn);
	suite_end(test, &task);
	suite_end(test, &call);
	KUNIT_EXPECT_EQ(test, call.ret, 0);
	expect_nothing_left(test);
}

/* Opened, and closed, all the time. */
static long storm_task(struct suite_task *task)
{
	struct file *filp;

	complete(&task->begun);
	while (!completion_done(&task->go)) {
		filp = filp_open(PATH, O_RDWR | O_NONBLOCK, 0);
		if (IS_ERR(filp)) {
			cond_resched();
			continue;
		}
		do_ioctl(filp, 0);
		vfs_poll(filp, NULL);
		__fput_sync(filp);
	}
	return 0;
}

static void file_storm(struct kunit *test)
{
	struct device *dev;
	struct suite_task task[2];
	unsigned int i;

	a_node(test);
	dev = &fpe->fn[0].pdev->dev;
	for (i = 0; i < ARRAY_SIZE(task); i++)
		suite_start(test, &task[i], gate, storm_task);
	for (i = 0; i < 15; i++) {
		usleep_range(500, 5000);
		unbind();
		KUNIT_EXPECT_EQ(test, atomic_read(&opens), released_at_remove);
		KUNIT_EXPECT_EQ(test, device_attach(dev), 1);
		WRITE_ONCE(removed, false);
		gate = suite_gate(test, &fpe->fn[0]);
		KUNIT_EXPECT_EQ(test, pci_gate_add_file(gate, NAME, 0600,
							&drv_ops, fpe), 0);
	}
	for (i = 0; i < ARRAY_SIZE(task); i++)
		complete(&task[i].go);
	for (i = 0; i < ARRAY_SIZE(task); i++)
		suite_end(test, &task[i]);
	KUNIT_EXPECT_GT(test, atomic_read(&opens), 0);
	unbind();
	expect_nothing_left(test);
}

/* One name, one device file; and one that was closed by hand. */
static void file_names(struct kunit *test)
{
	struct file *filp;

	a_node(test);
	KUNIT_EXPECT_EQ(test, pci_gate_add_file(gate, NAME, 0600, &drv_ops,
						fpe), -EEXIST);
	filp = open_node(test, O_NONBLOCK);
	KUNIT_EXPECT_EQ(test, do_ioctl(filp, 0), -ENOTTY);
	pci_gate_close(gate);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 1);
	KUNIT_EXPECT_EQ(test, do_ioctl(filp, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, pci_gate_add_file(gate, NAME, 0600, &drv_ops,
						fpe), -ENODEV);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(file_unbind),
	KUNIT_CASE(file_release),
	KUNIT_CASE(file_open_fails),
	KUNIT_CASE(file_frozen),
	KUNIT_CASE(file_frozen_ends),
	KUNIT_CASE(file_call_ends),
	KUNIT_CASE(file_dead),
	KUNIT_CASE(file_stubborn),
	KUNIT_CASE_SLOW(file_storm),
	KUNIT_CASE(file_names),
	{ }
};

struct kunit_suite gate_file_suite = {
	.name = "pci_gate_file",
	.test_cases = cases,
};
