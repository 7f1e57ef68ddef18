// SPDX-License-Identifier: GPL-2.0
/*
 * Opening a file behind a gate while its driver goes, and by a number that is free.
 */

#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/pci-gate-file.h>

#include "suites.h"
#include "../gate_file.h"
#include "../recovery.h"

#define NAME	"gate_open_kunit"
#define PATH	"/dev/" NAME

static struct pci_gate *gate;
static struct fake_pe *fpe;
static atomic_t opens, releases;
static int released_at_remove;

static int drv_open(struct pci_gate_file *file)
{
	atomic_inc(&opens);
	return 0;
}

static void drv_release(struct pci_gate_file *file)
{
	atomic_inc(&releases);
}

static const struct pci_gate_file_ops drv_ops = {
	.open = drv_open,
	.release = drv_release,
};

static void hook(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_REMOVE)
		released_at_remove = atomic_read(&releases);
}

/* The device file of the driver that is bound now. */
static void add_node(struct kunit *test)
{
	gate = suite_gate(test, &fpe->fn[0]);
	KUNIT_ASSERT_EQ(test, pci_gate_add_file(gate, NAME, 0600, &drv_ops,
						NULL), 0);
}

static void a_node(struct kunit *test)
{
	fpe = suite_pe(test, FAKE_AWARE);
	atomic_set(&opens, 0);
	atomic_set(&releases, 0);
	released_at_remove = -1;
	WRITE_ONCE(fpe->fn[0].hook, hook);
	add_node(test);
}

static void put_file(void *filp)
{
	__fput_sync(filp);
}

static struct file *open_node(struct kunit *test)
{
	struct file *filp = filp_open(PATH, O_RDWR, 0);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "open: %ld", PTR_ERR(filp));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, filp),
			0);
	return filp;
}

static long open_task(struct suite_task *task)
{
	struct file *filp;

	complete(&task->begun);
	filp = filp_open(PATH, O_RDWR, 0);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	wait_for_completion(&task->go);
	__fput_sync(filp);
	return 0;
}

static long unbind_task(struct suite_task *task)
{
	complete(&task->begun);
	device_release_driver(&fpe->fn[0].pdev->dev);
	return 0;
}

/* The driver knows of a file that is not in the list yet: who closes waits. */
static void open_order(struct kunit *test)
{
	struct suite_task opener, unbinder;
	struct pci_gate_node *node;
	unsigned int i;

	a_node(test);
	node = ((struct pci_gate_file *)open_node(test)->private_data)->node;
	mutex_lock(&node->lock);
	suite_start(test, &opener, gate, open_task);
	for (i = 0; i < SUITE_MS && atomic_read(&opens) != 2; i++)
		usleep_range(1000, 2000);
	KUNIT_EXPECT_EQ(test, atomic_read(&opens), 2);
	suite_start(test, &unbinder, gate, unbind_task);
	msleep(100);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_CLOSING);
	KUNIT_EXPECT_FALSE(test, completion_done(&node->idle));
	mutex_unlock(&node->lock);
	suite_end(test, &unbinder);
	KUNIT_EXPECT_EQ(test, released_at_remove, 2);
	complete(&opener.go);
	suite_end(test, &opener);
	KUNIT_EXPECT_EQ(test, opener.ret, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 2);
}

/* What was opened, once more; nobody asks for its name. */
static struct file *open_again(struct file *filp)
{
	return dentry_open(&filp->f_path, O_RDWR | O_NONBLOCK, current_cred());
}

/* A number is nobody's when the driver has gone, and then another's. */
static void open_by_number(struct kunit *test)
{
	struct file *filp, *again;
	unsigned int minor;

	a_node(test);
	filp = open_node(test);
	minor = iminor(file_inode(filp));
	again = open_again(filp);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(again), 0);
	__fput_sync(again);
	device_release_driver(&fpe->fn[0].pdev->dev);
	again = open_again(filp);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(again), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&opens), 2);

	KUNIT_ASSERT_EQ(test, device_attach(&fpe->fn[0].pdev->dev), 1);
	add_node(test);
	again = open_node(test);
	KUNIT_EXPECT_EQ(test, iminor(file_inode(again)), minor);
	KUNIT_EXPECT_EQ(test, atomic_read(&opens), 3);
}

/* Who opens and closes files often does not wait for a grace period each time. */
static void open_no_grace(struct kunit *test)
{
	struct suite_task task;
	struct file *filp;

	a_node(test);
	suite_no_grace(test, &task);
	filp = filp_open(PATH, O_RDWR, 0);
	if (!IS_ERR(filp))
		__fput_sync(filp);
	suite_grace(test, &task);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(filp), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&releases), 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(open_order),
	KUNIT_CASE(open_by_number),
	KUNIT_CASE(open_no_grace),
	{ }
};

struct kunit_suite gate_open_suite = {
	.name = "pci_gate_open",
	.test_cases = cases,
};
