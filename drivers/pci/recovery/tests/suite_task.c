// SPDX-License-Identifier: GPL-2.0
/*
 * Gates for the KUnit suites, and threads that use them.
 */

#include <linux/device.h>
#include <linux/kthread.h>
#include <linux/pci.h>

#include "suites.h"

static void gate_put(void *gate)
{
	pci_gate_put(gate);
}

/* The gate of a function that has a driver, with a reference until the test ends. */
struct pci_gate *suite_gate(struct kunit *test, struct fake_fn *fn)
{
	struct pci_gate *gate;

	scoped_guard(device, &fn->pdev->dev)
		gate = pcim_gate_create(fn->pdev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, gate);
	pci_gate_get(gate);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, gate_put, gate),
			0);
	return gate;
}

static int run_task(void *data)
{
	struct suite_task *task = data;

	task->ret = task->run(task);
	task->took = ktime_ms_delta(ktime_get(), task->began);
	complete(&task->done);
	return 0;
}

/* Have @run called by another thread, until it has completed task->begun. */
void suite_start(struct kunit *test, struct suite_task *task,
		 struct pci_gate *gate, long (*run)(struct suite_task *task))
{
	struct task_struct *thread;

	task->run = run;
	task->gate = gate;
	task->ret = 1234;
	task->began = ktime_get();
	init_completion(&task->begun);
	init_completion(&task->go);
	init_completion(&task->done);
	thread = kthread_run(run_task, task, "gate_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	KUNIT_ASSERT_TRUE(test,
			  wait_for_completion_timeout(&task->begun,
						      msecs_to_jiffies(SUITE_MS)));
}

/* Until it has returned. */
void suite_end(struct kunit *test, struct suite_task *task)
{
	KUNIT_ASSERT_TRUE_MSG(test,
			      wait_for_completion_timeout(&task->done,
							  msecs_to_jiffies(SUITE_MS)),
			      "%pS does not return", task->run);
}
