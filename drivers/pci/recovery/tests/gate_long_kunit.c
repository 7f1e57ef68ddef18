// SPDX-License-Identifier: GPL-2.0
/*
 * Drains that take long: the log says whom they wait for.
 */

#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#include "suites.h"
#include "../recovery.h"

#define LIMIT_MS	100

/* How often something was said in the log, of @name if it is of one function. */
static struct {
	const char *name;
	atomic_t inside;
	atomic_t callback;
	atomic_t task;
} said;

static void on_console(void *unused, const char *text, size_t len)
{
	if (strnstr(text, said.name, len)) {
		if (strnstr(text, "somebody is inside", len))
			atomic_inc(&said.inside);
		if (strnstr(text, "slow_cancel", len))
			atomic_inc(&said.callback);
	}
	if (strnstr(text, "held by gate_kunit/", len))
		atomic_inc(&said.task);
}

static int long_init(struct kunit *test)
{
	suite_limits(test, LIMIT_MS, 1000);
	said.name = "no function";
	atomic_set(&said.inside, 0);
	atomic_set(&said.callback, 0);
	atomic_set(&said.task, 0);
	return register_trace_console(on_console, NULL);
}

static void long_exit(struct kunit *test)
{
	unregister_trace_console(on_console, NULL);
	tracepoint_synchronize_unregister();
}

static struct pci_gate *a_gate(struct kunit *test)
{
	struct fake_fn *fn = &suite_pe(test, FAKE_AWARE)->fn[0];

	said.name = pci_name(fn->pdev);
	return suite_gate(test, fn);
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

/* Once a drain, however long that is; with lockdep who it is, too. */
static void long_section(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	bool lockdep = IS_ENABLED(CONFIG_PROVE_LOCKING) && debug_locks;
	struct suite_task task;

	suite_start(test, &task, gate, stay);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, msecs_to_jiffies(20 * LIMIT_MS)),
			-ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&said.inside), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&said.callback), 0);
	if (lockdep)
		KUNIT_EXPECT_GE(test, atomic_read(&said.task), 1);
	complete(&task.go);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	suite_end(test, &task);
}

/* One that is over in time is nobody's business, nor is one nobody waits for. */
static void long_enough(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct suite_task task;

	suite_start(test, &task, gate, stay);
	msleep(2 * LIMIT_MS);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, 1), -ETIMEDOUT);
	complete(&task.go);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&said.inside), 0);
}

static DECLARE_COMPLETION(in_cancel);

static void slow_cancel(struct pci_gate *gate, struct pci_gate_cancel *cancel,
			enum pci_gate_state state)
{
	int tries = SUITE_MS / 20;

	complete(&in_cancel);
	while (!atomic_read(&said.callback) && tries--)
		msleep(20);
}

/* It is a callback that the drain waits for, and nobody is inside. */
static void long_callback(struct kunit *test)
{
	struct pci_gate_cancel cancel = { .cancel = slow_cancel };
	struct pci_gate *gate = a_gate(test);

	if (!IS_ENABLED(CONFIG_KALLSYMS))
		kunit_skip(test, "functions have no names");
	reinit_completion(&in_cancel);
	KUNIT_ASSERT_EQ(test, pci_gate_cancel_add(gate, &cancel), 0);
	pci_gate_freeze(gate);
	/* It is named if it has begun when that is said. */
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&in_cancel, SUITE_JIFFIES),
			0);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	pci_gate_cancel_del(gate, &cancel);
	KUNIT_EXPECT_EQ(test, atomic_read(&said.callback), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&said.inside), 0);
}

/* A recovery waits for the same, and says the same. */
static void long_recovery(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);
	int tries = SUITE_MS / 20;
	struct suite_task task;

	said.name = pci_name(fpe->fn[0].pdev);
	suite_start(test, &task, gate, stay);
	KUNIT_ASSERT_TRUE(test, fake_error(fpe));
	while (!atomic_read(&said.inside) && tries--)
		msleep(20);
	KUNIT_EXPECT_EQ(test, fpe->log.ends, 0);
	complete(&task.go);
	suite_wait(test, fpe, 1);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, atomic_read(&said.inside), 1);
}

static struct kunit_case gate_long_cases[] = {
	KUNIT_CASE(long_section),
	KUNIT_CASE(long_enough),
	KUNIT_CASE(long_callback),
	KUNIT_CASE(long_recovery),
	{}
};

struct kunit_suite gate_long_suite = {
	.name = "pci_gate_long",
	.init = long_init,
	.exit = long_exit,
	.test_cases = gate_long_cases,
};
