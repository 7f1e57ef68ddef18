// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that ask for recovery, health checks that nobody recovers, and those
 * whose driver goes away.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/pci-health.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "suites.h"
#include "../recovery.h"

static int request(struct fake_pe *fpe)
{
	return pci_recovery_request(fpe->fn[0].pdev);
}

static int read_ones(struct fake_pe *fpe)
{
	return pci_recovery_check(fpe->fn[0].pdev, ~0U);
}

/* As an error: published at once, counted, and the driver is asked. */
static void request_reset(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);

	/* The episode comes no further than that lock. */
	scoped_guard(mutex, &fpe->lock) {
		KUNIT_EXPECT_EQ(test, request(fpe), 0);
		KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_FROZEN);
		expect_channel(test, fpe->fn[0].pdev, pci_channel_io_frozen);
	}
	suite_wait(test, fpe, 1);
	suite_expect_log(test, fpe,
			 "begin driver\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "drain\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
	KUNIT_EXPECT_EQ(test, fpe->pe.freezes, 1);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

/* What the platform says of old reports is not about it. */
static void request_stale(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	KUNIT_EXPECT_EQ(test, request(fpe), 0);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Too many in an hour. */
static void request_budget(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	unsigned int i;

	fpe->pe.max_freezes = 3;
	for (i = 1; i <= 4; i++) {
		KUNIT_EXPECT_EQ(test, request(fpe), 0);
		suite_wait(test, fpe, i);
	}
	KUNIT_EXPECT_EQ(test, fpe->log.outcomes[PCI_RECOVERY_RECOVERED], 3);
	KUNIT_EXPECT_EQ(test, fpe->log.outcomes[PCI_RECOVERY_FAILED], 1);
	KUNIT_EXPECT_EQ(test, request(fpe), -ENODEV);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -ENODEV);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 4);
}

static bool dead(void *data)
{
	return false;
}

static void request_refused(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	unsigned int i;

	fpe->pe.auto_recover = false;
	KUNIT_EXPECT_EQ(test, request(fpe), -EBUSY);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 0);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);

	/* Dead is dead, and stays frozen until somebody recovers it. */
	KUNIT_ASSERT_EQ(test,
			pci_gate_set_health(suite_gate(test, &fpe->fn[0]), dead,
					    NULL), 0);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_REFUSED);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);

	fake_gone(fpe);
	KUNIT_EXPECT_EQ(test, request(fpe), -ENODEV);
}

static bool alive(void *data)
{
	return READ_ONCE(*(bool *)data);
}

/* Nobody recovers it, as with pci_recovery=off. */
static void request_nobody(struct kunit *test)
{
	static const u16 none = FAKE_DRIVERLESS;
	struct fake_pe *fpe = suite_pe_below(test, NULL, 0, &none);
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);
	bool is_alive = true;

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_EXPECT_EQ(test, pci_recovery_request(pdev), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, pci_recovery_check(pdev, ~0U), 0);
	if (IS_ENABLED(CONFIG_S390))
		kunit_skip(test, "zPCI takes what the fake platform does not");
	fpe->late = true;
	KUNIT_ASSERT_EQ(test, fake_fn_add(&fpe->fn[0], FAKE_AWARE), 0);
	KUNIT_EXPECT_EQ(test, request(fpe), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	KUNIT_ASSERT_EQ(test,
			pci_gate_set_health(suite_gate(test, &fpe->fn[0]), alive,
					    &is_alive), 0);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), 0);
	WRITE_ONCE(is_alive, false);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -ENODEV);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
	device_release_driver(&fpe->fn[0].pdev->dev);
}

/* From a callback, so many times. */
static enum fake_call from;
static int times;

static void ask(struct fake_fn *fn, enum fake_call call)
{
	if (call == from && times-- > 0)
		WARN_ON_ONCE(pci_recovery_request(fn->pdev));
}

static struct fake_pe *asks(struct kunit *test, enum fake_call call, int n)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	from = call;
	times = n;
	WRITE_ONCE(fpe->fn[0].hook, ask);
	suite_error(test, fpe);
	return fpe;
}

/* The reset that follows is what was asked for, whatever the driver votes. */
static void request_in_error_detected(struct kunit *test)
{
	struct fake_pe *fpe = asks(test, FAKE_ERROR_DETECTED, 1);

	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	times = 1;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 2);
}

/* It did not help: once more. */
static void request_in_slot_reset(struct kunit *test)
{
	struct fake_pe *fpe = asks(test, FAKE_SLOT_RESET, 1);

	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]), 2);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

static void request_without_end(struct kunit *test)
{
	struct fake_pe *fpe = asks(test, FAKE_SLOT_RESET, 1000);

	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]), 3);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
}

/* Another episode, though the hardware is well. */
static void request_in_resume(struct kunit *test)
{
	struct fake_pe *fpe = asks(test, FAKE_RESUME, 1);

	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "begin driver\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 2);
	KUNIT_EXPECT_EQ(test, fpe->pe.freezes, 2);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* Below a PE that fails as well: its reset is what was asked for. */
static bool above_is_stale;

static void fail_above(struct fake_fn *fn, enum fake_call call)
{
	struct pci_pe *pe = &fn->fpe->pe;
	unsigned int ms = SUITE_MS;

	if (call != FAKE_ERROR_DETECTED || times-- <= 0)
		return;
	if (above_is_stale)
		pci_recovery_report(pe->parent, PCI_REPORT_UNSURE);
	else
		fake_error(to_fake_pe(pe->parent));
	while (!READ_ONCE(pe->above) && ms--)
		mdelay(1);
}

static void request_absorbed(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *root = suite_pe(test, FAKE_AWARE);
	struct fake_pe *fpe = suite_pe_below(test, root, 1, &aware);

	times = 1;
	above_is_stale = false;
	WRITE_ONCE(fpe->fn[0].hook, fail_above);
	KUNIT_EXPECT_EQ(test, request(fpe), 0);
	suite_wait(test, root, 1);
	suite_wait(test, fpe, 1);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcomes[PCI_RECOVERY_ABSORBED], 1);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, root->log.outcome, PCI_RECOVERY_RECOVERED);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* Nothing was the matter there: it is not forgotten. */
static void request_absorbed_stale(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *root = suite_pe(test, FAKE_AWARE);
	struct fake_pe *fpe = suite_pe_below(test, root, 1, &aware);

	times = 1;
	above_is_stale = true;
	fake_fail(root, FAKE_FREEZE, 0, 1, -ESTALE);
	WRITE_ONCE(fpe->fn[0].hook, fail_above);
	KUNIT_EXPECT_EQ(test, request(fpe), 0);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, root->log.outcome, PCI_RECOVERY_STALE);
	KUNIT_EXPECT_EQ(test, fpe->log.outcomes[PCI_RECOVERY_ABSORBED], 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcomes[PCI_RECOVERY_RECOVERED], 1);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* One function was given up, the other was not. */
static void request_given_up(struct kunit *test)
{
	static const u16 aware[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, aware);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, pci_pe_state(&fpe->pe), PCI_PE_LIVE);
	KUNIT_EXPECT_EQ(test, request(fpe), -ENODEV);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -ENODEV);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
}

/* A read below a bridge that is isolated: the bridge is reported. */
static void request_above(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *root = suite_pe(test, FAKE_AWARE);
	struct fake_pe *fpe = suite_pe_below(test, root, 1, &aware);

	fake_max_freezes(5);
	fake_optional(fpe);
	fake_freeze(root);
	KUNIT_EXPECT_EQ(test, read_ones(fpe), -EAGAIN);
	suite_wait(test, root, 1);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 0);
	KUNIT_EXPECT_EQ(test, root->log.outcome, PCI_RECOVERY_RECOVERED);
}

/*
 * The driver comes and goes, its data with it, while others read all-ones and have
 * it asked.
 */
#define POISON 0x5a5a5a5a

static void alloc_free(struct fake_fn *fn, enum fake_call call)
{
	struct pci_gate *gate;
	static u32 *data;

	if (call == FAKE_PROBE) {
		data = kmalloc(sizeof(*data), GFP_KERNEL);
		if (!data)
			return;
		*data = 1;
		gate = pcim_gate_create(fn->pdev);
		WARN_ON_ONCE(pci_gate_set_health(gate, fn->fpe->priv, data));
	} else if (call == FAKE_REMOVE && data) {
		WRITE_ONCE(*data, POISON);
		kfree(data);
		data = NULL;
	}
}

/* Who asks has seen that the PE is frozen, and not that it is given up since. */
static void request_late(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	suite_error(test, fpe);
	KUNIT_ASSERT_EQ(test, pci_pe_state(&fpe->pe), PCI_PE_FAILED);
	set_bit(PE_DOUBTED, &fpe->pe.flags);
	set_bit(PE_REPORTED, &fpe->pe.flags);
	schedule_work(&fpe->pe.work);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.ends, 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(fpe->pe.flags), 0);
}

static atomic_t late;

static bool slow(void *data)
{
	udelay(5);
	if (READ_ONCE(*(u32 *)data) != 1)
		atomic_inc(&late);
	return true;
}

static long read_until(struct suite_task *task)
{
	long n = 0;

	complete(&task->begun);
	do {
		n++;
		WARN_ON_ONCE(pci_recovery_check(task->gate->pdev, ~0U));
		cond_resched();
	} while (!completion_done(&task->go));
	return n;
}

static void request_unbind(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *first = suite_gate(test, &fpe->fn[0]);
	struct device *dev = &fpe->fn[0].pdev->dev;
	struct suite_task tasks[2];
	unsigned int i;

	atomic_set(&late, 0);
	fpe->priv = slow;
	device_release_driver(dev);
	WRITE_ONCE(fpe->fn[0].hook, alloc_free);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		suite_start(test, &tasks[i], first, read_until);
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, device_attach(dev), 1);
		msleep(20);
		device_release_driver(dev);
	}
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		complete(&tasks[i].go);
		suite_end(test, &tasks[i]);
		KUNIT_EXPECT_GT(test, tasks[i].ret, 20);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&late), 0);
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(request_reset),
	KUNIT_CASE(request_stale),
	KUNIT_CASE(request_budget),
	KUNIT_CASE(request_refused),
	KUNIT_CASE(request_nobody),
	KUNIT_CASE(request_in_error_detected),
	KUNIT_CASE(request_in_slot_reset),
	KUNIT_CASE(request_without_end),
	KUNIT_CASE(request_in_resume),
	KUNIT_CASE(request_absorbed),
	KUNIT_CASE(request_absorbed_stale),
	KUNIT_CASE(request_given_up),
	KUNIT_CASE(request_late),
	KUNIT_CASE(request_above),
	KUNIT_CASE(request_unbind),
	{}
};

struct kunit_suite request_suite = {
	.name = "pci_recovery_request",
	.test_cases = request_cases,
};
