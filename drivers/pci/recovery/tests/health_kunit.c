// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that gave all-ones: whom they are believed, and whom not.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/irq_work.h>
#include <linux/pci-health.h>
#include <linux/pci.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "suites.h"
#include "../recovery.h"

/* What the driver's health check says, and how often it was asked. */
struct health {
	struct fake_pe *fpe;
	bool alive;
	bool may_sleep;
	atomic_t asked;
};

static bool is_alive(void *data)
{
	struct health *health = data;

	atomic_inc(&health->asked);
	/* Who reads all-ones may, but not the check. */
	if (preemptible())
		WRITE_ONCE(health->may_sleep, true);
	return READ_ONCE(health->alive);
}

/* A PE whose platform can be asked. */
static struct fake_pe *a_pe(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_max_freezes(5);
	fake_optional(fpe);
	return fpe;
}

static struct health *a_health(struct kunit *test, struct fake_pe *fpe,
			       bool alive)
{
	struct health *health = kunit_kzalloc(test, sizeof(*health), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, health);
	health->fpe = fpe;
	health->alive = alive;
	KUNIT_ASSERT_EQ(test,
			pci_gate_set_health(suite_gate(test, &fpe->fn[0]),
					    is_alive, health), 0);
	return health;
}

/* Somebody reads all-ones from the first function. */
static int read_ones(struct fake_pe *fpe)
{
	return pci_recovery_check(fpe->fn[0].pdev, ~0U);
}

static int asked(struct fake_pe *fpe)
{
	return atomic_read(&fpe->calls[FAKE_CHECK]);
}

/* What has a bit that is not set is not looked at any further. */
static void health_values(struct kunit *test)
{
	struct pci_dev *pdev = a_pe(test)->fn[0].pdev, *nobody = NULL;

	KUNIT_EXPECT_EQ(test, pci_recovery_check(nobody, (u8)0xfe), 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(nobody, (u16)0xff), 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(nobody, 0xffffU), 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(nobody, 0xffffffffULL), 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(nobody, 0ULL), 0);
	pdev->error_state = pci_channel_io_frozen;
	KUNIT_EXPECT_EQ(test, pci_recovery_check(pdev, (u8)0xff), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(pdev, (u16)0xffff), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(pdev, ~0U), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(pdev, -1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(pdev, ~0ULL), -EAGAIN);
	pdev->error_state = pci_channel_io_normal;
}

enum says { NOTHING, ALIVE, DEAD };

static const struct verdict {
	const char *name;
	bool platform;
	enum pci_pe_hw_state hw;
	enum says health;
	int ret;
	int asked;
	const char *cause;
} verdicts[] = {
	{ "nobody to ask", false, PCI_PE_HW_FROZEN, NOTHING, 0, 0, NULL },
	{ "health only, alive", false, PCI_PE_HW_NORMAL, ALIVE, 0, 0, NULL },
	{ "health only, dead", false, PCI_PE_HW_NORMAL, DEAD, -EAGAIN, 0,
	  "health" },
	{ "normal", true, PCI_PE_HW_NORMAL, NOTHING, 0, 1, NULL },
	{ "normal, alive", true, PCI_PE_HW_NORMAL, ALIVE, 0, 0, NULL },
	{ "normal, dead", true, PCI_PE_HW_NORMAL, DEAD, -EAGAIN, 1, "health" },
	{ "MMIO", true, PCI_PE_HW_MMIO, NOTHING, 0, 1, NULL },
	{ "frozen", true, PCI_PE_HW_FROZEN, NOTHING, -EAGAIN, 1, "error" },
	/* Somebody has thawed it since. */
	{ "frozen, alive", true, PCI_PE_HW_FROZEN, ALIVE, 0, 0, NULL },
	{ "frozen, dead", true, PCI_PE_HW_FROZEN, DEAD, -EAGAIN, 1, "error" },
	{ "disabled", true, PCI_PE_HW_DISABLED, NOTHING, -EAGAIN, 1, NULL },
	{ "disabled, dead", true, PCI_PE_HW_DISABLED, DEAD, -EAGAIN, 1, NULL },
	{ "gone", true, PCI_PE_HW_GONE, NOTHING, -ENODEV, 1, NULL },
	{ "gone, dead", true, PCI_PE_HW_GONE, DEAD, -ENODEV, 1, NULL },
};

KUNIT_ARRAY_PARAM_DESC(verdicts, verdicts, name);

static void health_verdicts(struct kunit *test)
{
	const struct verdict *v = test->param_value;
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct health *health = NULL;
	char begin[32];

	fake_max_freezes(5);
	if (v->platform)
		fake_optional(fpe);
	if (v->health != NOTHING)
		health = a_health(test, fpe, v->health == ALIVE);
	WRITE_ONCE(fpe->hw, v->hw);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), v->ret);
	KUNIT_EXPECT_EQ(test, asked(fpe), v->asked);
	if (health) {
		KUNIT_EXPECT_EQ(test, atomic_read(&health->asked), 1);
		/* One that sleeps is found at once, with CONFIG_DEBUG_ATOMIC_SLEEP. */
		KUNIT_EXPECT_FALSE(test, health->may_sleep);
	}
	if (v->cause) {
		suite_wait(test, fpe, 1);
		scnprintf(begin, sizeof(begin), "begin %s\n", v->cause);
		KUNIT_EXPECT_TRUE(test, strstarts(fpe->log.text, begin));
		KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	}
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, v->cause ? 1 : 0);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
	WRITE_ONCE(fpe->hw, PCI_PE_HW_NORMAL);
}

/* What is published answers, and nobody is asked. */
static void health_published(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);
	struct health *health = a_health(test, fpe, true);

	/* The episode comes no further than that lock. */
	scoped_guard(mutex, &fpe->lock) {
		fake_error(fpe);
		KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	}
	suite_wait(test, fpe, 1);
	fake_gone(fpe);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&health->asked), 0);
	KUNIT_EXPECT_EQ(test, asked(fpe), 0);
}

/*
 * In slot_reset the gate is shut, and the device may be used; in resume it is live,
 * and dead for the first time.
 */
static int seen[FAKE_NR_CALLS];
static struct health *heals;

static void look(struct fake_fn *fn, enum fake_call call)
{
	if (READ_ONCE(heals->alive))
		return;
	seen[call] = read_ones(fn->fpe);
	WRITE_ONCE(heals->alive, call == FAKE_RESUME);
}

static void health_in_callbacks(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);

	heals = a_health(test, fpe, false);
	memset(seen, 0xff, sizeof(seen));
	WRITE_ONCE(fpe->fn[0].hook, look);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, seen[FAKE_ERROR_DETECTED], -EAGAIN);
	KUNIT_EXPECT_EQ(test, seen[FAKE_SLOT_RESET], 0);
	KUNIT_EXPECT_EQ(test, seen[FAKE_RESUME], -EAGAIN);
	KUNIT_EXPECT_EQ(test, atomic_read(&heals->asked), 1);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "begin health\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 2);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
}

/* In a hard interrupt, alone or above a health check of a task. */
struct in_interrupt {
	struct irq_work work;
	struct fake_pe *fpe;
	bool hard;
	int ret;
	bool done;
};

static void interrupt(struct irq_work *work)
{
	struct in_interrupt *in = container_of(work, struct in_interrupt, work);

	in->hard = in_hardirq();
	in->ret = read_ones(in->fpe);
	/* What was seen first, for end_interrupt(). */
	smp_store_release(&in->done, true);
}

static void begin_interrupt(struct in_interrupt *in, struct fake_pe *fpe)
{
	memset(in, 0, sizeof(*in));
	in->fpe = fpe;
	in->ret = 1;
	in->work = IRQ_WORK_INIT_HARD(interrupt);
	irq_work_queue(&in->work);
}

static bool end_interrupt(struct in_interrupt *in)
{
	unsigned int ms = SUITE_MS;

	/* Acquire what was seen in there. */
	while (!smp_load_acquire(&in->done) && ms--)
		mdelay(1);
	/* Not irq_work_sync(), which sleeps. */
	while (irq_work_is_busy(&in->work))
		cpu_relax();
	return in->done;
}

static void health_interrupt(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);
	struct health *health = a_health(test, fpe, true);
	struct in_interrupt in;

	begin_interrupt(&in, fpe);
	KUNIT_ASSERT_TRUE(test, end_interrupt(&in));
	KUNIT_EXPECT_TRUE(test, in.hard);
	KUNIT_EXPECT_EQ(test, in.ret, 0);
	WRITE_ONCE(health->alive, false);
	begin_interrupt(&in, fpe);
	KUNIT_ASSERT_TRUE(test, end_interrupt(&in));
	KUNIT_EXPECT_EQ(test, in.ret, -EAGAIN);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
}

/* A health check whose reads are checked: it has its answer, and is not asked. */
static bool checks_itself(void *data)
{
	struct health *health = data;

	if (atomic_inc_return(&health->asked) > 10)
		return true;
	return READ_ONCE(health->alive) || !read_ones(health->fpe);
}

static void health_recursion(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);
	struct health health = { .fpe = fpe, .alive = true };
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);

	KUNIT_ASSERT_EQ(test, pci_gate_set_health(gate, checks_itself, &health),
			0);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	WRITE_ONCE(health.alive, false);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	KUNIT_EXPECT_EQ(test, atomic_read(&health.asked), 2);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	device_release_driver(&fpe->fn[0].pdev->dev);
}

/* One that is interrupted by a read of all-ones: the other is checked as well. */
static struct in_interrupt above;

static bool is_interrupted(void *data)
{
	struct health *health = data;

	atomic_inc(&health->asked);
	if (!in_hardirq()) {
		begin_interrupt(&above, health->fpe);
		end_interrupt(&above);
	}
	return true;
}

static void health_interrupted(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);
	struct health health = { .fpe = fpe };
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);

	KUNIT_ASSERT_EQ(test, pci_gate_set_health(gate, is_interrupted, &health),
			0);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	KUNIT_EXPECT_TRUE(test, above.hard);
	KUNIT_EXPECT_EQ(test, above.ret, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&health.asked), 2);
	device_release_driver(&fpe->fn[0].pdev->dev);
}

/* Not asked while the gate is shut, by whomever: the platform is. */
static void health_shut(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);
	struct health *health = a_health(test, fpe, false);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);

	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	KUNIT_EXPECT_EQ(test, asked(fpe), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&health->asked), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	WRITE_ONCE(health->alive, true);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&health->asked), 1);
	KUNIT_EXPECT_EQ(test, pci_gate_set_health(gate, is_alive, health),
			-EBUSY);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_EQ(test, pci_gate_set_health(gate, is_alive, health),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&health->asked), 1);
}

#define FLOOD 10000

/* Both the platform and a health check are asked each time. */
static void health_flood(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test);
	struct health *health;
	unsigned int i;

	/* Each is confirmed: the one before says nothing about it. */
	for (i = 0; i < FLOOD; i++)
		KUNIT_ASSERT_EQ(test, read_ones(fpe), 0);
	KUNIT_EXPECT_EQ(test, asked(fpe), FLOOD);
	fake_freeze(fpe);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	suite_wait(test, fpe, 1);
	/* Until it is known. */
	KUNIT_EXPECT_EQ(test, asked(fpe), FLOOD + 1);

	health = a_health(test, fpe, true);
	atomic_set(&fpe->calls[FAKE_CHECK], 0);
	for (i = 0; i < FLOOD; i++)
		KUNIT_ASSERT_EQ(test, read_ones(fpe), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&health->asked), FLOOD);
	KUNIT_EXPECT_EQ(test, asked(fpe), 0);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);

	/* Of a dead one the platform is asked. */
	fake_freeze(fpe);
	WRITE_ONCE(health->alive, false);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	KUNIT_EXPECT_EQ(test, asked(fpe), 1);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_NULL(test, strstr(fpe->log.text, "begin health"));
}

/* Several threads read all-ones from a dead device: one death. */
static long read_many(struct suite_task *task)
{
	struct pci_dev *pdev = task->gate->pdev;
	int i, believed = 0;

	complete(&task->begun);
	wait_for_completion(&task->go);
	for (i = 0; i < 1000 &&
	     READ_ONCE(pdev->error_state) == pci_channel_io_normal; i++)
		believed += !pci_recovery_check(pdev, ~0U);
	return believed;
}

static void many(struct kunit *test, bool frozen)
{
	struct fake_pe *fpe = a_pe(test);
	struct suite_task tasks[4];
	struct pci_gate *gate;
	int i;

	a_health(test, fpe, false);
	gate = suite_gate(test, &fpe->fn[0]);
	/* So that none of them sees what comes after it. */
	fpe->fn[0].ms[FAKE_ERROR_DETECTED] = 200;
	if (frozen)
		fake_freeze(fpe);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		suite_start(test, &tasks[i], gate, read_many);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		complete(&tasks[i].go);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		suite_end(test, &tasks[i]);
		KUNIT_EXPECT_EQ(test, tasks[i].ret, 0);
	}
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, fpe->pe.freezes, 1);
}

static void health_many(struct kunit *test)
{
	many(test, false);
}

static void health_many_frozen(struct kunit *test)
{
	many(test, true);
}

static struct kunit_case health_cases[] = {
	KUNIT_CASE(health_values),
	KUNIT_CASE_PARAM(health_verdicts, verdicts_gen_params),
	KUNIT_CASE(health_published),
	KUNIT_CASE(health_in_callbacks),
	KUNIT_CASE(health_interrupt),
	KUNIT_CASE(health_recursion),
	KUNIT_CASE(health_interrupted),
	KUNIT_CASE(health_shut),
	KUNIT_CASE(health_flood),
	KUNIT_CASE(health_many),
	KUNIT_CASE(health_many_frozen),
	{}
};

struct kunit_suite health_suite = {
	.name = "pci_health",
	.test_cases = health_cases,
};
