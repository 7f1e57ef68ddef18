// SPDX-License-Identifier: GPL-2.0
/*
 * Drains: who is waited for, for how long, and what is released then.
 */

#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/timer.h>

#include "suites.h"
#include "../recovery.h"

static struct pci_gate *a_gate(struct kunit *test)
{
	return suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
}

/* Inside until the test says so. */
static long stay(struct suite_task *task)
{
	int ret = pci_gate_tryenter(task->gate);

	complete(&task->begun);
	if (ret)
		return ret;
	wait_for_completion(&task->go);
	pci_gate_exit(task->gate);
	return 0;
}

static long stay_atomic(struct suite_task *task)
{
	unsigned long end = jiffies + 10 * HZ;
	bool in = pci_gate_enter_atomic(task->gate);

	complete(&task->begun);
	if (!in)
		return -ENODEV;
	while (!completion_done(&task->go) && time_before(jiffies, end))
		cpu_relax();
	pci_gate_exit_atomic(task->gate);
	return 0;
}

static void drain_waits(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	suite_start(test, &task, gate, stay);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 5), -ETIMEDOUT);
	/* Who was inside is still, and nobody else. */
	KUNIT_EXPECT_EQ(test, pci_gate_tryenter(gate), -EAGAIN);
	complete(&task.go);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 0);
}

/* The grace period is there: an atomic section is waited for, too. */
static void drain_waits_atomic(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	if (num_online_cpus() < 2)
		kunit_skip(test, "somebody spins");
	suite_start(test, &task, gate, stay_atomic);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 5), -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	complete(&task.go);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 0);
}

/* A thaw after a drain that did not succeed; those inside count for the next. */
static void drain_thawed(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	suite_start(test, &task, gate, stay);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_gate_tryenter(gate), 0);
	pci_gate_exit(gate);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 10), -ETIMEDOUT);
	complete(&task.go);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	suite_end(test, &task);
}

static long drain_for_ever(struct suite_task *task)
{
	complete(&task->begun);
	return pci_gate_drain(task->gate, MAX_SCHEDULE_TIMEOUT);
}

/* Nobody is kept out of a gate that is live. */
static long knock(struct suite_task *task)
{
	struct pci_gate *gate = task->gate;
	long kept_out = 0;
	bool live;
	u32 epoch;
	int ret;

	complete(&task->begun);
	while (!completion_done(&task->go)) {
		epoch = pci_gate_epoch(gate);
		/* Or it may be that of a thaw after all that follows. */
		smp_rmb();
		live = pci_gate_state(gate) == PCI_GATE_LIVE;
		ret = pci_gate_tryenter(gate);
		if (!ret)
			pci_gate_exit(gate);
		else if (live && pci_gate_state(gate) == PCI_GATE_LIVE &&
			 pci_gate_epoch(gate) == epoch)
			kept_out++;
		cond_resched();
	}
	return kept_out;
}

static void drain_thaw_race(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;
	int i;

	suite_start(test, &task, gate, knock);
	for (i = 0; i < 50; i++) {
		pci_gate_freeze(gate);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
		usleep_range(50, 100);
	}
	complete(&task.go);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 0);
}

/* Thawed under a drain: it does not wait for what lets in again. */
static void drain_thawed_under(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task inside, drainer;

	suite_start(test, &inside, gate, stay);
	pci_gate_freeze(gate);
	suite_start(test, &drainer, gate, drain_for_ever);
	msleep(100);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	suite_end(test, &drainer);
	KUNIT_EXPECT_EQ(test, drainer.ret, -EAGAIN);
	KUNIT_EXPECT_LT(test, drainer.took, 5000);
	/* Killed instead, it goes on. */
	pci_gate_freeze(gate);
	suite_start(test, &drainer, gate, drain_for_ever);
	msleep(100);
	pci_gate_kill(gate);
	KUNIT_EXPECT_FALSE(test, completion_done(&drainer.done));
	complete(&inside.go);
	suite_end(test, &drainer);
	KUNIT_EXPECT_EQ(test, drainer.ret, 0);
	suite_end(test, &inside);
}

static struct pci_gate *held;

static void unhold(struct irq_work *work)
{
	pci_gate_unhold(held);
}

static struct irq_work unhold_irq = IRQ_WORK_INIT_HARD(unhold);

static void unhold_later(struct timer_list *timer)
{
	irq_work_queue(&unhold_irq);
}

/* A hold ends in an interrupt. */
static void drain_hold(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	static struct timer_list timer;
	int i;

	timer_setup(&timer, unhold_later, 0);
	for (i = 0; i < 10; i++) {
		held = gate;
		KUNIT_ASSERT_EQ(test, pci_gate_hold(gate), 0);
		pci_gate_freeze(gate);
		mod_timer(&timer, jiffies + i);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		timer_delete_sync(&timer);
		irq_work_sync(&unhold_irq);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	}
}

/* How many grace periods there were since @before, at most. */
static unsigned long grace_periods(unsigned long before)
{
	/* The lowest two bits are no number. */
	return (get_state_synchronize_rcu() - before) / 4;
}

static unsigned int released;
static bool in_order;

static void count_release(void *data)
{
	/* The last one first. */
	in_order &= (unsigned long)data == 255 - released;
	released++;
}

/* Hundreds of resources are released after one drain. */
static void drain_actions(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);
	unsigned long i, before;

	released = 0;
	in_order = true;
	for (i = 0; i < 256; i++)
		KUNIT_ASSERT_EQ(test,
				pci_gate_add_action(gate, count_release,
						    (void *)i), 0);
	before = get_state_synchronize_rcu();
	pci_gate_close(gate);
	KUNIT_EXPECT_LT(test, grace_periods(before), 20);
	KUNIT_EXPECT_EQ(test, released, 256);
	KUNIT_EXPECT_TRUE(test, in_order);
	KUNIT_EXPECT_EQ(test, pci_gate_add_action(gate, count_release, NULL),
			-ENODEV);
	/* Once, whoever closes it again. */
	pci_gate_close(gate);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_EQ(test, released, 256);
}

/* Many gates: their grace periods are the same, and all of them are drained. */
static void drain_many(struct kunit *test)
{
	static const u16 aware[FAKE_FNS] = { [0 ... FAKE_FNS - 1] = FAKE_AWARE };
	struct pci_gate *gates[8 * FAKE_FNS];
	struct suite_task task;
	unsigned long before;
	int i, n = 0;

	for (i = 0; i < 8; i++) {
		struct fake_pe *fpe = suite_pe_below(test, NULL, FAKE_FNS,
						     aware);
		int f;

		for (f = 0; f < FAKE_FNS; f++)
			gates[n++] = suite_gate(test, &fpe->fn[f]);
	}
	suite_start(test, &task, gates[n - 1], stay);
	for (i = 0; i < n; i++)
		pci_gate_freeze(gates[i]);
	before = get_state_synchronize_rcu();
	KUNIT_EXPECT_EQ(test, pci_gate_drain_many(gates, n, HZ / 2), -ETIMEDOUT);
	/* Others than that one have nobody inside; a grace period may be long. */
	for (i = 0; i < n - 1; i++)
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gates[i], SUITE_JIFFIES), 0);
	KUNIT_EXPECT_FALSE(test, pci_gate_drained(gates[n - 1]));
	complete(&task.go);
	KUNIT_EXPECT_EQ(test, pci_gate_drain_many(gates, n, SUITE_JIFFIES), 0);
	suite_end(test, &task);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gates[i]), 0);
	/* One by one that would be far more; others have theirs meanwhile. */
	for (i = 0; i < n; i++)
		pci_gate_freeze(gates[i]);
	before = get_state_synchronize_rcu();
	KUNIT_EXPECT_EQ(test, pci_gate_drain_many(gates, n, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_LT(test, grace_periods(before), n / 2);
	pci_gate_thaw(gates[0]);
	KUNIT_EXPECT_EQ(test, pci_gate_drain_many(gates, n, SUITE_JIFFIES), -EAGAIN);
}

/* Somebody inside one gate is nothing to another. */
static void drain_other(struct kunit *test)
{
	struct pci_gate *slow = a_gate(test);
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	suite_start(test, &task, slow, stay);
	pci_gate_kill(slow);
	pci_gate_kill(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	complete(&task.go);
	suite_end(test, &task);
}

static struct suite_task stopped;
static char order[8];

static void stop(void *data)
{
	strlcat(order, "s", sizeof(order));
	complete(&stopped.go);
}

static void act(void *data)
{
	strlcat(order, completion_done(&stopped.done) ? "a" : "A", sizeof(order));
}

static long close_it(struct suite_task *task)
{
	complete(&task->begun);
	pci_gate_close(task->gate);
	return 0;
}

/* What is inside for ever unless it is stopped; and two who close. */
static void drain_stops(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task closer;

	order[0] = '\0';
	KUNIT_ASSERT_EQ(test, pci_gate_add_action(gate, act, NULL), 0);
	KUNIT_ASSERT_EQ(test, pci_gate_add_stop(gate, stop, NULL), 0);
	suite_start(test, &stopped, gate, stay);
	suite_start(test, &closer, gate, close_it);
	pci_gate_close(gate);
	/* Whoever was second has waited for the first. */
	KUNIT_EXPECT_TRUE(test, READ_ONCE(gate->released));
	KUNIT_EXPECT_EQ(test, strlen(order), 2);
	KUNIT_EXPECT_EQ(test, order[0], 's');
	suite_end(test, &closer);
	suite_end(test, &stopped);
}

/* A mapping is there as long as somebody is inside. */
static void drain_mapping(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	/* There a mapping is one of a function that the firmware knows. */
	if (IS_ENABLED(CONFIG_S390))
		kunit_skip(test, "not on s390");
	/* Not the pointers: they are another address space, to sparse. */
	KUNIT_EXPECT_TRUE(test, pci_gate_iomap(gate, 0, 0));
	KUNIT_EXPECT_FALSE(test, pci_gate_iomap(gate, 5, 0));
	pci_gate_close(gate);
	KUNIT_EXPECT_FALSE(test, pci_gate_iomap(gate, 0, 0));
}

static struct kunit_case gate_drain_cases[] = {
	KUNIT_CASE(drain_waits),
	KUNIT_CASE(drain_waits_atomic),
	KUNIT_CASE(drain_thawed),
	KUNIT_CASE(drain_thaw_race),
	KUNIT_CASE(drain_thawed_under),
	KUNIT_CASE(drain_hold),
	KUNIT_CASE(drain_actions),
	KUNIT_CASE(drain_many),
	KUNIT_CASE(drain_other),
	KUNIT_CASE(drain_stops),
	KUNIT_CASE(drain_mapping),
	{}
};

struct kunit_suite gate_drain_suite = {
	.name = "pci_gate_drain",
	.test_cases = gate_drain_cases,
};
