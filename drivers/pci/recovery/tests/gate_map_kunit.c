// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of files behind a gate: nothing is mapped when nobody may be inside.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pci.h>
#include <linux/pci-gate-file.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "suites.h"
#include "../gate_file.h"
#include "../recovery.h"

#define NAME	"gate_map_kunit"
#define PATH	"/dev/" NAME

/* What is mapped, by the offset in pages: a BAR from here. */
#define BAR_PAGE	16
#define MEMORY_SIZE	(2 * PAGE_SIZE)

static struct pci_gate *gate;
static struct fake_pe *fpe;
static struct file *filp;
static void *memory;

static int drv_mmap(struct pci_gate_file *file, struct pci_gate_map *map)
{
	unsigned long page = pci_gate_map_offset(map);

	if (page < BAR_PAGE)
		return pci_gate_map_memory(map, memory, MEMORY_SIZE);
	return pci_gate_map_bar(map, 0, (page - BAR_PAGE) << PAGE_SHIFT);
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
	vfree(memory);
}

static void a_file(struct kunit *test)
{
	fpe = suite_pe(test, FAKE_AWARE);
	gate = suite_gate(test, &fpe->fn[0]);
	memory = vzalloc(MEMORY_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_memory,
							NULL), 0);
	KUNIT_ASSERT_EQ(test, pci_gate_add_file(gate, NAME, 0600, &drv_ops,
						NULL), 0);
	filp = filp_open(PATH, O_RDWR, 0);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(filp), "open: %ld", PTR_ERR(filp));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_file, NULL),
			0);
}

static unsigned long map(struct kunit *test, unsigned long size,
			 unsigned long flags, unsigned long page)
{
	return kunit_vm_mmap(test, filp, 0, size, PROT_READ | PROT_WRITE,
			     flags, page << PAGE_SHIFT);
}

static unsigned long map_memory(struct kunit *test)
{
	unsigned long addr = map(test, MEMORY_SIZE, MAP_SHARED, 0);

	KUNIT_ASSERT_FALSE_MSG(test, !addr || IS_ERR_VALUE(addr), "mmap: %ld",
			       addr);
	return addr;
}

/* Is there a page now?  Does not fault. */
static bool mapped(unsigned long addr)
{
	unsigned long left;
	char c;

	pagefault_disable();
	left = __copy_from_user_inatomic(&c, (void __user *)addr, 1);
	pagefault_enable();
	return !left;
}

/* Is there one, if somebody looks? */
static bool faults_in(unsigned long addr)
{
	char c;

	return !copy_from_user(&c, (void __user *)addr, 1);
}

/* It is the driver's memory, and is gone while frozen, dead, and unbound. */
static void map_states(struct kunit *test)
{
	unsigned long addr, i;

	a_file(test);
	addr = map_memory(test);
	KUNIT_EXPECT_FALSE(test, mapped(addr));
	KUNIT_EXPECT_EQ(test, put_user(42, (char __user *)addr + PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, ((char *)memory)[PAGE_SIZE], 42);
	KUNIT_EXPECT_TRUE(test, faults_in(addr));
	KUNIT_EXPECT_TRUE(test, mapped(addr));

	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_FALSE(test, mapped(addr));
	KUNIT_EXPECT_FALSE(test, mapped(addr + PAGE_SIZE));
	/* The kernel does not wait. */
	KUNIT_EXPECT_FALSE(test, faults_in(addr));
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_TRUE(test, faults_in(addr));

	pci_gate_kill(gate);
	for (i = 0; i < SUITE_MS && mapped(addr); i++)
		usleep_range(1000, 2000);
	KUNIT_EXPECT_FALSE(test, mapped(addr));
	KUNIT_EXPECT_FALSE(test, faults_in(addr));
	/* And no others, with the driver there, and without. */
	KUNIT_EXPECT_EQ(test, map(test, PAGE_SIZE, MAP_SHARED, 0),
			(unsigned long)-ENODEV);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_FALSE(test, faults_in(addr));
	KUNIT_EXPECT_EQ(test, map(test, PAGE_SIZE, MAP_SHARED, 0),
			(unsigned long)-ENODEV);
}

static unsigned long looked_at;
static bool mapped_at_remove;
static struct pci_gate_cancel hang;
static struct completion end_hang;

static void hang_callback(struct pci_gate *gate, struct pci_gate_cancel *cancel,
			  enum pci_gate_state state)
{
	wait_for_completion(&end_hang);
}

static void remove_hook(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_REMOVE)
		return;
	mapped_at_remove = mapped(looked_at);
	complete_all(&end_hang);
}

/* Before remove(), even if no callback has had its turn. */
static void map_unbind(struct kunit *test)
{
	a_file(test);
	looked_at = map_memory(test);
	mapped_at_remove = true;
	init_completion(&end_hang);
	hang = (struct pci_gate_cancel){ .cancel = hang_callback };
	suite_limits(test, 100, 100);
	KUNIT_ASSERT_EQ(test, pci_gate_cancel_add(gate, &hang), 0);
	KUNIT_EXPECT_TRUE(test, faults_in(looked_at));
	WRITE_ONCE(fpe->fn[0].hook, remove_hook);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_FALSE(test, mapped_at_remove);
	KUNIT_EXPECT_FALSE(test, faults_in(looked_at));
}

/* What cannot be mapped. */
static void map_refused(struct kunit *test)
{
	static const struct {
		unsigned long size, flags, page;
	} bad[] = {
		{ PAGE_SIZE, MAP_PRIVATE, 0 },
		{ MEMORY_SIZE + PAGE_SIZE, MAP_SHARED, 0 },
		{ FAKE_BAR_SIZE + PAGE_SIZE, MAP_SHARED, BAR_PAGE },
		{ PAGE_SIZE, MAP_SHARED,
		  BAR_PAGE + FAKE_BAR_SIZE / PAGE_SIZE },
		{ PAGE_SIZE, MAP_SHARED, -1UL >> PAGE_SHIFT },
	};
	unsigned long ret;
	unsigned int i;

	a_file(test);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ret = map(test, bad[i].size, bad[i].flags, bad[i].page);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ERR_VALUE(ret), "%u", i);
		KUNIT_EXPECT_NE_MSG(test, ret, (unsigned long)-ENODEV, "%u", i);
	}
}

static void map_bar(struct kunit *test)
{
	unsigned long addr;

	a_file(test);
	if (!pci_resource_len(fpe->fn[0].pdev, 0))
		kunit_skip(test, "no BAR");
	addr = map(test, FAKE_BAR_SIZE, MAP_SHARED, BAR_PAGE);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(addr), "mmap: %ld", addr);
	KUNIT_EXPECT_TRUE(test, faults_in(addr + FAKE_BAR_SIZE - 1));
	KUNIT_EXPECT_TRUE(test, mapped(addr + FAKE_BAR_SIZE - 1));
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_FALSE(test, mapped(addr + FAKE_BAR_SIZE - 1));
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
}

/* Somebody who faults all the time: after a drain there is never a page. */
static struct mm_struct *mm;

static long fault_task(struct suite_task *task)
{
	long faults = 0;

	kthread_use_mm(mm);
	complete(&task->begun);
	while (!completion_done(&task->go)) {
		faults += faults_in(looked_at);
		cond_resched();
	}
	kthread_unuse_mm(mm);
	return faults;
}

static void map_race(struct kunit *test)
{
	ktime_t end = ktime_add_ms(ktime_get(), 2000);
	struct suite_task task;
	unsigned int bad = 0;
	ktime_t until;

	a_file(test);
	looked_at = map_memory(test);
	mm = current->mm;
	suite_start(test, &task, gate, fault_task);
	while (ktime_before(ktime_get(), end)) {
		usleep_range(10, 200);
		pci_gate_freeze(gate);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		until = ktime_add_us(ktime_get(), 300);
		do {
			bad += mapped(looked_at);
		} while (ktime_before(ktime_get(), until));
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	}
	complete(&task.go);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_GT(test, task.ret, 0);
}

static long drain_task(struct suite_task *task)
{
	complete(&task->begun);
	return pci_gate_drain(gate, SUITE_JIFFIES);
}

static long fault_once_task(struct suite_task *task)
{
	bool ok;

	kthread_use_mm(mm);
	complete(&task->begun);
	ok = faults_in(looked_at);
	kthread_unuse_mm(mm);
	return ok;
}

/* The same, in the middle of a fault, and of a zap. */
static void map_order(struct kunit *test)
{
	struct pci_gate_node *node;
	struct suite_task task;

	a_file(test);
	node = ((struct pci_gate_file *)filp->private_data)->node;
	looked_at = map_memory(test);
	mm = current->mm;
	/* It has seen the gate live, and has not entered its page. */
	down_read(&node->map_lock);
	pci_gate_freeze(gate);
	suite_start(test, &task, gate, drain_task);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	up_read(&node->map_lock);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 0);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);

	down_write(&node->map_lock);
	suite_start(test, &task, gate, fault_once_task);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	up_write(&node->map_lock);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 1);
}

/* A fault of a program, as the architecture handles it. */
static unsigned int fault_flags;

static vm_fault_t fault(unsigned long addr)
{
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	return vma->vm_ops->fault(&(struct vm_fault){
		.vma = vma,
		.address = addr,
		.pgoff = (addr - vma->vm_start) >> PAGE_SHIFT,
		.flags = fault_flags,
	});
}

static long user_fault_task(struct suite_task *task)
{
	vm_fault_t ret;

	kthread_use_mm(mm);
	complete(&task->begun);
	ret = fault(looked_at);
	if (ret != VM_FAULT_RETRY)
		mmap_read_unlock(mm);
	kthread_unuse_mm(mm);
	return (__force long)ret;
}

#define expect_fault(test, task, expected)				\
	KUNIT_EXPECT_EQ(test, (task)->ret, (__force long)(expected))

/* It waits, and not with mmap_lock: then nobody could be inside who needs that. */
static void map_fault_waits(struct kunit *test)
{
	struct suite_task task;
	bool locked;

	a_file(test);
	looked_at = map_memory(test);
	mm = current->mm;
	fault_flags = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY;
	pci_gate_freeze(gate);
	suite_start(test, &task, gate, user_fault_task);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	locked = down_write_trylock(&mm->mmap_lock);
	if (locked)
		up_write(&mm->mmap_lock);
	KUNIT_EXPECT_TRUE(test, locked);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	suite_end(test, &task);
	expect_fault(test, &task, VM_FAULT_RETRY);

	/* Until the driver goes, and later ones fail. */
	pci_gate_freeze(gate);
	suite_start(test, &task, gate, user_fault_task);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	/* Who cannot give it up does not wait. */
	fault_flags = FAULT_FLAG_USER;
	KUNIT_EXPECT_EQ(test, (__force u32)fault(looked_at),
			(__force u32)VM_FAULT_SIGBUS);
	mmap_read_unlock(mm);
	fault_flags |= FAULT_FLAG_ALLOW_RETRY;
	device_release_driver(&fpe->fn[0].pdev->dev);
	suite_end(test, &task);
	expect_fault(test, &task, VM_FAULT_RETRY);
	suite_start(test, &task, gate, user_fault_task);
	suite_end(test, &task);
	expect_fault(test, &task, VM_FAULT_SIGBUS);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(map_states),
	KUNIT_CASE(map_unbind),
	KUNIT_CASE(map_refused),
	KUNIT_CASE(map_bar),
	KUNIT_CASE(map_fault_waits),
	KUNIT_CASE_SLOW(map_race),
	KUNIT_CASE(map_order),
	{ }
};

struct kunit_suite gate_map_suite = {
	.name = "pci_gate_map",
	.test_cases = cases,
};
