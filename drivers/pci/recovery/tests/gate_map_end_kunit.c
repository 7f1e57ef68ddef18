// SPDX-License-Identifier: GPL-2.0
/*
 * mmap of files behind a gate when their driver goes, or has never been there.
 */

#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pci.h>
#include <linux/pci-gate-file.h>
#include <linux/uaccess.h>

#include "suites.h"
#include "../recovery.h"

#define NAME	"gate_map_end_kunit"

static struct pci_gate *gate;
static struct fake_pe *fpe;
static struct file *filp;
static void *memory;
static struct mm_struct *mm;

/* While it is to wait somebody is asked what is to be mapped. */
static bool wait;
static struct completion asked, answer;

static int drv_mmap(struct pci_gate_file *file, struct pci_gate_map *map)
{
	if (wait) {
		complete(&asked);
		wait_for_completion(&answer);
	}
	return pci_gate_map_memory(map, memory, PAGE_SIZE);
}

static const struct pci_gate_file_ops drv_ops = {
	.mmap = drv_mmap,
};

static void put_file(void *unused)
{
	__fput_sync(filp);
}

static void free_memory(void *unused)
{
	free_page((unsigned long)memory);
}

static int add_file(const char *name)
{
	return pci_gate_add_file(gate, name, 0600, &drv_ops, NULL);
}

static void a_file(struct kunit *test)
{
	fpe = suite_pe(test, FAKE_AWARE);
	gate = suite_gate(test, &fpe->fn[0]);
	memory = (void *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_memory,
							NULL), 0);
	wait = false;
	init_completion(&asked);
	init_completion(&answer);
	KUNIT_ASSERT_EQ(test, add_file(NAME), 0);
	filp = filp_open("/dev/" NAME, O_RDWR, 0);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "open: %ld", PTR_ERR(filp));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, NULL),
			0);
	/* The test has an mm from here on, for others as well. */
	KUNIT_ASSERT_FALSE(test,
			   IS_ERR_VALUE(kunit_vm_mmap(test, filp, 0, PAGE_SIZE,
						      PROT_READ, MAP_SHARED,
						      0)));
	mm = current->mm;
}

static unsigned long map(struct file *file)
{
	return vm_mmap(file, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
}

/* What @map_task has mapped. */
static unsigned long mapped_at;

static bool faults_in(unsigned long addr)
{
	char c;

	return !copy_from_user(&c, (void __user *)addr, 1);
}

static long map_task(struct suite_task *task)
{
	kthread_use_mm(mm);
	complete(&task->begun);
	mapped_at = map(filp);
	kthread_unuse_mm(mm);
	return IS_ERR_VALUE(mapped_at) ? (long)mapped_at : 0;
}

static long unbind_task(struct suite_task *task)
{
	complete(&task->begun);
	device_release_driver(&fpe->fn[0].pdev->dev);
	return 0;
}

/* The driver is there as long as it is asked; what it says is of no use then. */
static void map_end_asked(struct kunit *test)
{
	struct suite_task mapper, unbinder;

	a_file(test);
	wait = true;
	suite_start(test, &mapper, gate, map_task);
	KUNIT_EXPECT_TRUE(test,
			  wait_for_completion_timeout(&asked, SUITE_JIFFIES));
	suite_start(test, &unbinder, gate, unbind_task);
	msleep(100);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_REMOVE]), 0);
	complete(&answer);
	suite_end(test, &mapper);
	suite_end(test, &unbinder);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_REMOVE]), 1);
	KUNIT_ASSERT_EQ(test, mapper.ret, 0);
	KUNIT_EXPECT_FALSE(test, faults_in(mapped_at));
	vm_munmap(mapped_at, PAGE_SIZE);
}

/*
 * Opens and maps whatever has the number of @filp, which was closed, again and
 * again, until that succeeds.
 */
static long map_by_number_task(struct suite_task *task)
{
	struct file *again;
	unsigned long addr = -ENXIO;

	kthread_use_mm(mm);
	complete(&task->begun);
	while (!completion_done(&task->go) && IS_ERR_VALUE(addr)) {
		cond_resched();
		again = dentry_open(&filp->f_path, O_RDWR | O_NONBLOCK,
				    current_cred());
		if (IS_ERR(again))
			continue;
		addr = map(again);
		__fput_sync(again);
	}
	kthread_unuse_mm(mm);
	mapped_at = addr;
	return IS_ERR_VALUE(addr) ? (long)addr : 0;
}

/* One that could not be made: its driver may free what somebody has mapped. */
static void map_end_not_made(struct kunit *test)
{
	struct suite_task task;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "nobody else runs meanwhile");
	a_file(test);
	gate = suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
	KUNIT_ASSERT_EQ(test, add_file(NAME "_2"), 0);
	/* Now the number of the first is free, and this name is not. */
	device_release_driver(&fpe->fn[0].pdev->dev);
	suite_start(test, &task, gate, map_by_number_task);
	for (i = 0; i < 20 && !completion_done(&task.done); i++) {
		KUNIT_EXPECT_EQ(test, add_file(NAME "_2"), -EEXIST);
		msleep(20);
	}
	complete(&task.go);
	suite_end(test, &task);
	if (task.ret)
		kunit_skip(test, "nobody was fast enough");
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
	KUNIT_EXPECT_FALSE(test, faults_in(mapped_at));
	vm_munmap(mapped_at, PAGE_SIZE);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(map_end_asked),
	KUNIT_CASE(map_end_not_made),
	{ }
};

struct kunit_suite gate_map_end_suite = {
	.name = "pci_gate_map_end",
	.test_cases = cases,
};
