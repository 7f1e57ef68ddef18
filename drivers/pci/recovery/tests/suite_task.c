// SPDX-License-Identifier: GPL-2.0
/*
 * Gates for the KUnit suites, and threads that use them.
 */

#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

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

/* An RCU section that is as long as the test wants, or until that waits for it. */
static long read_long(struct suite_task *task)
{
	unsigned long limit;

	set_cpus_allowed_ptr(current, cpumask_of(task->cpu));
	limit = jiffies + 5 * HZ;
	rcu_read_lock();
	complete(&task->begun);
	while (!completion_done(&task->go) && time_before(jiffies, limit))
		cpu_relax();
	rcu_read_unlock();
	return completion_done(&task->go) ? 0 : -ETIMEDOUT;
}

/* From here on no grace period ends: who waits for one is seen by suite_grace(). */
void suite_no_grace(struct kunit *test, struct suite_task *task)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs another CPU");
	/* The other one is not to be in the way. */
	migrate_disable();
	task->cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	suite_start(test, task, NULL, read_long);
}

void suite_grace(struct kunit *test, struct suite_task *task)
{
	complete(&task->go);
	migrate_enable();
	suite_end(test, task);
	KUNIT_EXPECT_EQ_MSG(test, task->ret, 0, "waited for a grace period");
}
