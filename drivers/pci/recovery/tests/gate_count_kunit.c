// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a gate: who is counted where, and what a drain makes of it.
 */

#include <linux/cpumask.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "suites.h"
#include "../recovery.h"

static struct pci_gate *a_gate(struct kunit *test)
{
	return suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
}

static int held;

static void hold(void *gate)
{
	held = pci_gate_hold(gate);
}

static void unhold(void *gate)
{
	pci_gate_unhold(gate);
}

/* In on each CPU in turn, by an interrupt, and out on another one. */
static void count_cpus(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	unsigned int from, to = cpumask_last(cpu_online_mask);

	for_each_online_cpu(from) {
		smp_call_function_single(from, hold, gate, true);
		KUNIT_ASSERT_EQ(test, held, 0);
		pci_gate_freeze(gate);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 10), -ETIMEDOUT);
		smp_call_function_single(to, unhold, gate, true);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
		to = from;
	}
}

/* What begins and ends inside during a drain does not make up for who is inside. */
static void count_nested(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	int i;

	KUNIT_ASSERT_EQ(test, pci_gate_hold(gate), 0);
	pci_gate_freeze(gate);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 20), -ETIMEDOUT);
		pci_gate_hold_nested(gate);
		pci_gate_unhold(gate);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 20), -ETIMEDOUT);
	}
	pci_gate_unhold(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
}

/* Who is turned away is not counted, or out again, before a drain and after it. */
static void count_refused(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	int i;

	pci_gate_freeze(gate);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, pci_gate_hold(gate), -EAGAIN);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		KUNIT_EXPECT_TRUE(test, pci_gate_drained(gate));
	}
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_FALSE(test, pci_gate_drained(gate));
	KUNIT_ASSERT_EQ(test, pci_gate_hold(gate), 0);
	pci_gate_kill(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 10), -ETIMEDOUT);
	pci_gate_unhold(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
}

/* The steps of pci_gate_hold(), with what may happen after the first. */
static void count_late(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct pci_gate_count __percpu *nowhere, *in = READ_ONCE(gate->in);

	/* Looked when it was live, counted when it was drained. */
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_FALSE(test, __pci_gate_count(gate, in));
	KUNIT_EXPECT_FALSE(test, pci_gate_drained(gate));
	KUNIT_EXPECT_EQ(test, __pci_gate_turn_away(gate, in), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);

	/* Looked when it was drained, counted when it was live: not in by that. */
	nowhere = READ_ONCE(gate->in);
	KUNIT_EXPECT_TRUE(test, nowhere != in);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_FALSE(test, __pci_gate_count(gate, nowhere));
	KUNIT_ASSERT_EQ(test, __pci_gate_turn_away(gate, nowhere), 0);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 10), -ETIMEDOUT);
	pci_gate_unhold(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
}

/* Somebody tries to get in all the time. */
static long knock(struct suite_task *task)
{
	complete(&task->begun);
	while (!completion_done(&task->go)) {
		if (!pci_gate_tryenter(task->gate))
			return -EBUSY;
		cond_resched();
	}
	return 0;
}

static void count_knocked(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task tasks[2];
	int i;

	KUNIT_ASSERT_EQ(test, pci_gate_hold(gate), 0);
	pci_gate_freeze(gate);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		suite_start(test, &tasks[i], gate, knock);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, HZ / 5), -ETIMEDOUT);
	pci_gate_unhold(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, 5 * HZ), 0);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		complete(&tasks[i].go);
		suite_end(test, &tasks[i]);
		KUNIT_EXPECT_EQ(test, tasks[i].ret, 0);
	}
}

static void no_cancel(struct pci_gate *gate, struct pci_gate_cancel *cancel,
		      enum pci_gate_state state)
{
}

/* Only a drain waits for a grace period. */
static void count_no_grace(struct kunit *test)
{
	struct pci_gate_cancel cancel = { .cancel = no_cancel };
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	suite_no_grace(test, &task);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_hold(gate), 0);
	pci_gate_unhold(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_enter(gate), 0);
	pci_gate_exit(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_cancel_add(gate, &cancel), 0);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_hold(gate), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	pci_gate_cancel_del(gate, &cancel);
	pci_gate_kill(gate);
	suite_grace(test, &task);
}

static struct kunit_case gate_count_cases[] = {
	KUNIT_CASE(count_cpus),
	KUNIT_CASE(count_nested),
	KUNIT_CASE(count_refused),
	KUNIT_CASE(count_late),
	KUNIT_CASE(count_knocked),
	KUNIT_CASE(count_no_grace),
	{}
};

struct kunit_suite gate_count_suite = {
	.name = "pci_gate_count",
	.test_cases = gate_count_cases,
};
