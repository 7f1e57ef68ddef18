// SPDX-License-Identifier: GPL-2.0
/*
 * Waits that end with the device.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/prandom.h>

#include "suites.h"
#include "../recovery.h"

/* A wait that does not end by itself; the tests are over before. */
#define LONG_WAIT	(20 * HZ)

/* From a move to the waiter's end, under emulation. */
#define SOON_MS		5000

static DECLARE_WAIT_QUEUE_HEAD(queue);
static DECLARE_COMPLETION(completed);
static bool condition;
static unsigned int flags;

static struct pci_gate *a_gate(struct kunit *test)
{
	condition = false;
	flags = 0;
	reinit_completion(&completed);
	return suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
}

static long wait_event_task(struct suite_task *task)
{
	complete(&task->begun);
	return pci_gate_wait_event_timeout(task->gate, queue,
					   READ_ONCE(condition), LONG_WAIT,
					   flags);
}

static long wait_completion_task(struct suite_task *task)
{
	complete(&task->begun);
	return pci_gate_wait_for_completion_timeout(task->gate, &completed,
						    LONG_WAIT, flags);
}

static long msleep_task(struct suite_task *task)
{
	complete(&task->begun);
	return pci_gate_msleep(task->gate, 20000, flags);
}

static long enter_task(struct suite_task *task)
{
	long ret;

	complete(&task->begun);
	ret = pci_gate_enter(task->gate);
	if (!ret)
		pci_gate_exit(task->gate);
	return ret;
}

/* Inside, as most who wait are. */
static long inside_task(struct suite_task *task)
{
	long ret = pci_gate_tryenter(task->gate);

	if (ret) {
		complete(&task->begun);
		return ret;
	}
	ret = wait_event_task(task);
	pci_gate_exit(task->gate);
	return ret;
}

static long (* const waits[])(struct suite_task *task) = {
	wait_event_task, wait_completion_task, msleep_task, inside_task,
};

/* It sleeps, and @move is what wakes it. */
static void expect_woken(struct kunit *test, struct pci_gate *gate,
			 long (*run)(struct suite_task *task),
			 enum pci_gate_move move, long ret)
{
	struct suite_task task;

	suite_start(test, &task, gate, run);
	msleep(20);
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&task.done),
			       "%pS returned %ld at once", run, task.ret);
	WRITE_ONCE(task.began, ktime_get());
	pci_gate_move(gate, move);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ_MSG(test, task.ret, ret, "%pS", run);
	KUNIT_EXPECT_LT(test, task.took, SOON_MS);
}

/* Each wait, each move that ends it. */
static void wait_shut(struct kunit *test)
{
	struct pci_gate *gate;
	int i;

	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		gate = a_gate(test);
		expect_woken(test, gate, waits[i], PCI_GATE_FREEZE, -EAGAIN);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
		expect_woken(test, gate, waits[i], PCI_GATE_CLOSE, -ENODEV);
		gate = a_gate(test);
		expect_woken(test, gate, waits[i], PCI_GATE_KILL, -ENODEV);
	}
}

/*
 * Frozen and thawed before the waiter had a chance to run: what he waited for is
 * lost, so he must not go on.
 */
static void wait_thawed(struct kunit *test)
{
	struct pci_gate *gate;
	struct suite_task task;
	int i;

	for (i = 0; i < 3; i++) {
		gate = a_gate(test);
		suite_start(test, &task, gate, waits[i]);
		msleep(20);
		pci_gate_freeze(gate);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
		suite_end(test, &task);
		KUNIT_EXPECT_EQ_MSG(test, task.ret, -EAGAIN, "%pS", waits[i]);
	}
}

/* Those that go on while it is frozen, or closing. */
static void wait_flags(struct kunit *test)
{
	struct pci_gate *gate;
	struct suite_task task;
	int i;

	for (i = 0; i < 3; i++) {
		gate = a_gate(test);
		flags = PCI_GATE_WAIT_THAW;
		pci_gate_freeze(gate);
		expect_woken(test, gate, waits[i], PCI_GATE_KILL, -ENODEV);
		gate = a_gate(test);
		flags = PCI_GATE_WAIT_CLOSING;
		pci_gate_move(gate, PCI_GATE_CLOSE);
		expect_woken(test, gate, waits[i], PCI_GATE_KILL, -ENODEV);
		gate = a_gate(test);
		flags = PCI_GATE_WAIT_CLOSING;
		expect_woken(test, gate, waits[i], PCI_GATE_FREEZE, -EAGAIN);
	}
	/* Freeze and thaw are nothing to it. */
	gate = a_gate(test);
	flags = PCI_GATE_WAIT_THAW;
	suite_start(test, &task, gate, wait_event_task);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	WRITE_ONCE(condition, true);
	wake_up(&queue);
	suite_end(test, &task);
	KUNIT_EXPECT_GT(test, task.ret, 0);
}

/* It has happened: then it does not matter what became of the gate. */
static void wait_happened(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	suite_start(test, &task, gate, inside_task);
	msleep(20);
	WRITE_ONCE(condition, true);
	wake_up(&queue);
	suite_end(test, &task);
	KUNIT_EXPECT_GT(test, task.ret, 0);

	suite_start(test, &task, gate, wait_completion_task);
	msleep(20);
	complete(&completed);
	suite_end(test, &task);
	KUNIT_EXPECT_GT(test, task.ret, 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&completed));

	pci_gate_kill(gate);
	complete(&completed);
	KUNIT_EXPECT_GT(test, pci_gate_wait_for_completion_timeout(gate,
								   &completed,
								   HZ, 0), 0);
	KUNIT_EXPECT_GT(test, pci_gate_wait_event_timeout(gate, queue, true, 0,
							  0), 0);
}

static void wait_timeout(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	KUNIT_EXPECT_EQ(test, pci_gate_wait_event_timeout(gate, queue, false, 2,
							  0), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_wait_for_completion_timeout(gate,
								   &completed,
								   2, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_msleep(gate, 10, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_msleep(gate, 0, 0), 0);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_wait_event_timeout(gate, queue, false, 2,
							  0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_gate_wait_event_timeout(gate, queue, false, 2,
							  PCI_GATE_WAIT_THAW),
			0);
	KUNIT_EXPECT_EQ(test, pci_gate_msleep(gate, 10, 0), -EAGAIN);
}

/* After the thaw it is in, and only then. */
static void wait_enter(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	pci_gate_freeze(gate);
	expect_woken(test, gate, enter_task, PCI_GATE_KILL, -ENODEV);
	gate = a_gate(test);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	suite_start(test, &task, gate, enter_task);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 0);
}

/*
 * Two wait for one completion, and the gate of one of them is shut when it comes:
 * it is not lost.
 */
static void wait_two(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct pci_gate *other = a_gate(test);
	struct suite_task first, second;
	int i, got;

	for (i = 0; i < 50; i++) {
		suite_start(test, &first, gate, wait_completion_task);
		suite_start(test, &second, other, wait_completion_task);
		usleep_range(100, 500);
		if (i & 1)
			complete(&completed);
		pci_gate_freeze(gate);
		if (!(i & 1))
			complete(&completed);
		suite_end(test, &first);
		got = first.ret > 0;
		if (got)
			complete(&completed);
		suite_end(test, &second);
		KUNIT_ASSERT_GT(test, second.ret, 0);
		KUNIT_ASSERT_TRUE(test, got || first.ret == -EAGAIN);
		pci_gate_thaw(gate);
	}
}

/* A move at any time around the waiter's way to sleep: none is lost. */
static void wait_race(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 300; i++) {
		suite_start(test, &task, gate, waits[i % ARRAY_SIZE(waits)]);
		udelay(prandom_u32_state(&rnd) % 100);
		WRITE_ONCE(task.began, ktime_get());
		pci_gate_freeze(gate);
		suite_end(test, &task);
		KUNIT_ASSERT_EQ(test, task.ret, -EAGAIN);
		KUNIT_ASSERT_LT(test, task.took, SOON_MS);
		KUNIT_ASSERT_EQ(test, pci_gate_thaw(gate), 0);
	}
}

/*
 * A remove() that waits for its device, under the device lock: whoever knows that
 * the device is gone ends the wait, without that lock.
 */
static long removed;

static void wait_in_remove(struct fake_fn *fn, enum fake_call call)
{
	struct pci_gate *gate;

	if (call != FAKE_REMOVE)
		return;
	gate = pci_gate_find(fn->pdev);
	if (!gate)
		return;
	removed = pci_gate_wait_event_timeout(gate, queue, false, LONG_WAIT,
					      PCI_GATE_WAIT_CLOSING);
	pci_gate_put(gate);
}

static struct fake_fn *leaving;

static long remove_task(struct suite_task *task)
{
	complete(&task->begun);
	device_release_driver(&leaving->pdev->dev);
	return removed;
}

static void in_remove(struct kunit *test, bool gone_before)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);
	struct suite_task task;

	removed = 1234;
	leaving = &fpe->fn[0];
	WRITE_ONCE(fpe->fn[0].hook, wait_in_remove);
	if (gone_before)
		fake_gone(fpe);
	suite_start(test, &task, gate, remove_task);
	if (!gone_before) {
		while (!atomic_read(&fpe->fn[0].called[FAKE_REMOVE]))
			msleep(20);
		msleep(20);
		KUNIT_EXPECT_EQ(test, removed, 1234);
		WRITE_ONCE(task.began, ktime_get());
		fake_gone(fpe);
	}
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ENODEV);
	KUNIT_EXPECT_LT(test, task.took, SOON_MS);
	fake_idle(fpe);
}

static void wait_remove_then_gone(struct kunit *test)
{
	in_remove(test, false);
}

static void wait_gone_then_remove(struct kunit *test)
{
	in_remove(test, true);
}

static struct kunit_case gate_wait_cases[] = {
	KUNIT_CASE(wait_shut),
	KUNIT_CASE(wait_thawed),
	KUNIT_CASE(wait_flags),
	KUNIT_CASE(wait_happened),
	KUNIT_CASE(wait_timeout),
	KUNIT_CASE(wait_enter),
	KUNIT_CASE(wait_two),
	KUNIT_CASE(wait_race),
	KUNIT_CASE(wait_remove_then_gone),
	KUNIT_CASE(wait_gone_then_remove),
	{}
};

struct kunit_suite gate_wait_suite = {
	.name = "pci_gate_wait",
	.test_cases = gate_wait_cases,
};
