// SPDX-License-Identifier: GPL-2.0
/*
 * Cancel callbacks: each is told once of each time the gate is shut, none is
 * missed, and none runs when the driver is gone.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/prandom.h>

#include "suites.h"
#include "../recovery.h"

/**
 * struct counter - a callback that counts
 * @cancel: it
 * @calls: how often it was called
 * @last: of which state
 * @ms: how long it takes
 * @del: it disarms itself
 * @running: it is being called
 */
struct counter {
	struct pci_gate_cancel cancel;
	atomic_t calls;
	enum pci_gate_state last;
	unsigned int ms;
	bool del;
	bool running;
};

static void count(struct pci_gate *gate, struct pci_gate_cancel *cancel,
		  enum pci_gate_state state)
{
	struct counter *counter = container_of(cancel, struct counter, cancel);

	WRITE_ONCE(counter->running, true);
	if (counter->ms)
		msleep(counter->ms);
	WRITE_ONCE(counter->last, state);
	atomic_inc(&counter->calls);
	WRITE_ONCE(counter->running, false);
	if (counter->del)
		pci_gate_cancel_del(gate, cancel);
}

static struct pci_gate *a_gate(struct kunit *test)
{
	return suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
}

static void arm(struct kunit *test, struct pci_gate *gate,
		struct counter *counter)
{
	memset(counter, 0, sizeof(*counter));
	counter->cancel.cancel = count;
	KUNIT_ASSERT_EQ(test, pci_gate_cancel_add(gate, &counter->cancel), 0);
}

/* Until nobody is left to be told. */
static void expect_told(struct kunit *test, struct pci_gate *gate,
			struct counter *counter, int calls,
			enum pci_gate_state last)
{
	int tries = SUITE_MS;

	while (!pci_gate_cancels_told(gate) && tries--)
		usleep_range(500, 1000);
	KUNIT_EXPECT_EQ(test, atomic_read(&counter->calls), calls);
	if (calls)
		KUNIT_EXPECT_EQ(test, counter->last, last);
}

static void cancel_each(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct counter counter;

	arm(test, gate, &counter);
	expect_told(test, gate, &counter, 0, 0);
	pci_gate_freeze(gate);
	expect_told(test, gate, &counter, 1, PCI_GATE_FROZEN);
	pci_gate_freeze(gate);
	expect_told(test, gate, &counter, 1, PCI_GATE_FROZEN);
	pci_gate_thaw(gate);
	expect_told(test, gate, &counter, 1, PCI_GATE_FROZEN);
	pci_gate_freeze(gate);
	expect_told(test, gate, &counter, 2, PCI_GATE_FROZEN);
	pci_gate_move(gate, PCI_GATE_CLOSE);
	expect_told(test, gate, &counter, 3, PCI_GATE_CLOSING);
	pci_gate_kill(gate);
	expect_told(test, gate, &counter, 4, PCI_GATE_DEAD);
	pci_gate_kill(gate);
	pci_gate_freeze(gate);
	expect_told(test, gate, &counter, 4, PCI_GATE_DEAD);
	pci_gate_cancel_del(gate, &counter.cancel);
}

/* Armed when the gate is shut already. */
static void cancel_late(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct counter counter, closed;

	pci_gate_kill(gate);
	arm(test, gate, &counter);
	expect_told(test, gate, &counter, 1, PCI_GATE_DEAD);
	pci_gate_close(gate);
	closed.cancel.cancel = count;
	KUNIT_EXPECT_EQ(test, pci_gate_cancel_add(gate, &closed.cancel),
			-ENODEV);
	pci_gate_cancel_del(gate, &counter.cancel);
}

static bool fire;

static long kill_task(struct suite_task *task)
{
	complete(&task->begun);
	/* A wake-up would take longer than what is to be hit. */
	while (!READ_ONCE(fire))
		cond_resched();
	udelay(task->took);
	pci_gate_freeze(task->gate);
	return 0;
}

/* Armed while the gate is being shut: told, whoever is faster. */
static void cancel_race(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct counter counter;
	struct suite_task task;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, 2);
	for (i = 0; i < 300; i++) {
		task.took = prandom_u32_state(&rnd) % 50;
		WRITE_ONCE(fire, false);
		suite_start(test, &task, gate, kill_task);
		WRITE_ONCE(fire, true);
		udelay(prandom_u32_state(&rnd) % 50);
		arm(test, gate, &counter);
		suite_end(test, &task);
		expect_told(test, gate, &counter, 1, PCI_GATE_FROZEN);
		pci_gate_cancel_del(gate, &counter.cancel);
		KUNIT_ASSERT_EQ(test, pci_gate_thaw(gate), 0);
	}
}

/* Who disarms waits for the callback; one that disarms itself does not. */
static void cancel_del(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct counter counter, self, other;

	arm(test, gate, &counter);
	counter.ms = 200;
	pci_gate_freeze(gate);
	while (!READ_ONCE(counter.running) && !atomic_read(&counter.calls))
		msleep(20);
	pci_gate_cancel_del(gate, &counter.cancel);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(counter.running));
	KUNIT_EXPECT_EQ(test, atomic_read(&counter.calls), 1);
	pci_gate_thaw(gate);

	arm(test, gate, &other);
	arm(test, gate, &self);
	self.del = true;
	pci_gate_freeze(gate);
	expect_told(test, gate, &self, 1, PCI_GATE_FROZEN);
	pci_gate_thaw(gate);
	pci_gate_freeze(gate);
	expect_told(test, gate, &other, 2, PCI_GATE_FROZEN);
	KUNIT_EXPECT_EQ(test, atomic_read(&self.calls), 1);
	pci_gate_cancel_del(gate, &other.cancel);
	/* Again, and one that never was armed. */
	pci_gate_cancel_del(gate, &other.cancel);
}

/* A drain waits for the callback, also one that has not begun. */
static void cancel_drain(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct counter one, two;

	arm(test, gate, &one);
	arm(test, gate, &two);
	one.ms = 100;
	two.ms = 100;
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&one.calls), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&two.calls), 1);
	pci_gate_cancel_del(gate, &one.cancel);
	pci_gate_cancel_del(gate, &two.cancel);
}

/* Armed between the drain of who closes the gate and the end of all callbacks. */
static void cancel_after_drain(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	struct counter busy, late, closed;

	arm(test, gate, &busy);
	busy.ms = 200;
	pci_gate_move(gate, PCI_GATE_CLOSE);
	while (!READ_ONCE(busy.running) && !atomic_read(&busy.calls))
		msleep(20);
	/* One after the other is called, so this one is not yet. */
	arm(test, gate, &late);
	late.ms = 200;
	pci_gate_disarm(gate);
	KUNIT_EXPECT_EQ(test, atomic_read(&busy.calls), 1);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(late.running));
	KUNIT_EXPECT_EQ(test, atomic_read(&late.calls), 1);
	closed.cancel.cancel = count;
	KUNIT_EXPECT_EQ(test, pci_gate_cancel_add(gate, &closed.cancel),
			-ENODEV);
	pci_gate_kill(gate);
	expect_told(test, gate, &late, 1, PCI_GATE_CLOSING);
}

/*
 * A driver that forgets all: its callback has run when it is unbound, and none
 * runs after that, whatever happens to the device.
 */
static void cancel_unbind(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);
	struct counter counter;

	arm(test, gate, &counter);
	counter.ms = 100;
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_EQ(test, atomic_read(&counter.calls), 1);
	KUNIT_EXPECT_EQ(test, counter.last, PCI_GATE_CLOSING);
	pci_gate_kill(gate);
	msleep(200);
	KUNIT_EXPECT_EQ(test, atomic_read(&counter.calls), 1);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(counter.running));
}

/* A wait that the driver does not own, in a remove() with the device lock. */
static struct completion foreign;
static struct pci_gate_cancel breaker;

static void break_it(struct pci_gate *gate, struct pci_gate_cancel *cancel,
		     enum pci_gate_state state)
{
	if (state == PCI_GATE_DEAD)
		complete_all(&foreign);
}

static void wait_foreign(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_REMOVE)
		wait_for_completion(&foreign);
}

static struct fake_fn *leaving;

static long remove_task(struct suite_task *task)
{
	complete(&task->begun);
	device_release_driver(&leaving->pdev->dev);
	return 0;
}

static void cancel_in_remove(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);
	struct suite_task task;

	init_completion(&foreign);
	breaker.cancel = break_it;
	KUNIT_ASSERT_EQ(test, pci_gate_cancel_add(gate, &breaker), 0);
	leaving = &fpe->fn[0];
	WRITE_ONCE(fpe->fn[0].hook, wait_foreign);
	suite_start(test, &task, gate, remove_task);
	while (!atomic_read(&fpe->fn[0].called[FAKE_REMOVE]))
		msleep(20);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&task.done));
	WRITE_ONCE(task.began, ktime_get());
	fake_gone(fpe);
	suite_end(test, &task);
	KUNIT_EXPECT_LT(test, task.took, 5000);
	fake_idle(fpe);
}

static struct kunit_case gate_cancel_cases[] = {
	KUNIT_CASE(cancel_each),
	KUNIT_CASE(cancel_late),
	KUNIT_CASE(cancel_race),
	KUNIT_CASE(cancel_del),
	KUNIT_CASE(cancel_drain),
	KUNIT_CASE(cancel_after_drain),
	KUNIT_CASE(cancel_unbind),
	KUNIT_CASE(cancel_in_remove),
	{}
};

struct kunit_suite gate_cancel_suite = {
	.name = "pci_gate_cancel",
	.test_cases = gate_cancel_cases,
};
