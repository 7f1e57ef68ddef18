// SPDX-License-Identifier: GPL-2.0
/*
 * A function that leaves, at every step of an episode.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include "suites.h"

/* The step in which it leaves: an operation, or a callback. */
struct when {
	const char *name;
	u16 driver;
	pci_ers_result_t vote;
	enum fake_op op;
	enum fake_call call;
};

#define OP(_op, _driver, _vote)						\
	{ #_op, FAKE_##_driver, PCI_ERS_RESULT_##_vote, FAKE_##_op,	\
	  FAKE_NR_CALLS }
#define CALL(_call, _driver, _vote)					\
	{ #_call, FAKE_##_driver, PCI_ERS_RESULT_##_vote, FAKE_NR_OPS,	\
	  FAKE_##_call }

static const struct when whens[] = {
	OP(LOCK, AWARE, NEED_RESET),
	OP(FREEZE, AWARE, NEED_RESET),
	CALL(ERROR_DETECTED, AWARE, NEED_RESET),
	OP(THAW_MMIO, AWARE, CAN_RECOVER),
	CALL(MMIO_ENABLED, AWARE, CAN_RECOVER),
	OP(THAW_DMA, AWARE, CAN_RECOVER),
	OP(RESET, AWARE, NEED_RESET),
	CALL(SLOT_RESET, AWARE, NEED_RESET),
	CALL(RESUME, AWARE, NEED_RESET),
	OP(THAW_MMIO, UNAWARE, NONE),
	CALL(REMOVE, UNAWARE, NONE),
	OP(RESET, UNAWARE, NONE),
	CALL(PROBE, UNAWARE, NONE),
	OP(RESET, DRIVERLESS, NONE),
};

static void when_desc(const struct when *when, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s of %s", when->name,
		 fake_driver_name(when->driver));
}

KUNIT_ARRAY_PARAM(when, whens, when_desc);

static const struct when *now;
static void (*leave)(struct fake_pe *fpe);

static void on_op(struct fake_pe *fpe, enum fake_op op)
{
	if (op == now->op)
		leave(fpe);
}

static void on_call(struct fake_fn *fn, enum fake_call call)
{
	if (call == now->call)
		leave(fn->fpe);
}

static struct fake_pe *leaving(struct kunit *test)
{
	struct fake_pe *fpe;

	now = test->param_value;
	fpe = suite_pe(test, now->driver);
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = now->vote;
	WRITE_ONCE(fpe->hook, on_op);
	WRITE_ONCE(fpe->fn[0].hook, on_call);
	return fpe;
}

/* Another function in its place is not touched by what happened, and works. */
static void expect_successor(struct kunit *test, struct fake_pe *fpe)
{
	WRITE_ONCE(fpe->hook, NULL);
	WRITE_ONCE(fpe->fn[0].hook, NULL);
	fake_fn_del(&fpe->fn[0]);
	fpe->hw = PCI_PE_HW_NORMAL;
	KUNIT_ASSERT_EQ(test, fake_fn_add(&fpe->fn[0], FAKE_AWARE), 0);
	fake_log_clear(fpe);
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_NEED_RESET;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
}

/* The platform says that it is gone; it is removed later. */
static void gone_published(struct kunit *test)
{
	struct fake_pe *fpe = leaving(test);

	leave = fake_gone;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_DEAD);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_perm_failure);
	KUNIT_EXPECT_FALSE(test, fake_error(fpe));
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ENODEV);
	expect_successor(test, fpe);
}

/* It is removed, by somebody who has to wait for the callback. */
static struct fake_pe *removed;

static void remove_work(struct work_struct *work)
{
	fake_fn_del(&removed->fn[0]);
}

static DECLARE_WORK(removal, remove_work);

static void leave_by_removal(struct fake_pe *fpe)
{
	int tries = 50;

	/* It has thawed the PE for its driver. */
	if (current_work() == &removal)
		return;
	removed = fpe;
	queue_work(system_unbound_wq, &removal);
	/* What holds it up itself goes on. */
	if (now->call != FAKE_NR_CALLS) {
		msleep(50);
		return;
	}
	while (READ_ONCE(fpe->fn[0].present) && tries--)
		msleep(20);
}

static void gone_removed(struct kunit *test)
{
	struct fake_pe *fpe = leaving(test);

	leave = leave_by_removal;
	suite_error(test, fpe);
	flush_work(&removal);
	/* While a callback runs it cannot; it may come after the last step. */
	if (now->call == FAKE_NR_CALLS)
		KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_NULL(test, fpe->fn[0].pdev);
	expect_successor(test, fpe);
}

/* It is removed and another is there before the episode looks again. */
static void replace(struct fake_pe *fpe, enum fake_op op)
{
	if (op != FAKE_LOCK || atomic_read(&fpe->calls[FAKE_LOCK]) != 2)
		return;
	fake_fn_del(&fpe->fn[0]);
	fpe->hw = PCI_PE_HW_NORMAL;
	fake_fn_add(&fpe->fn[0], FAKE_AWARE);
}

static void gone_replaced(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->hook, replace);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
	expect_successor(test, fpe);
}

/* What hotplug does when a card was pulled: its driver first, alone. */
static void gone_released(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fake_gone(fpe);
	pci_recovery_release(&fpe->pe);
	suite_expect_log(test, fpe,
			 "begin release\n"
			 "unbind 0\n"
			 "end gone none\n");
	KUNIT_EXPECT_NULL(test, fpe->fn[0].pdev->dev.driver);
	fake_log_clear(fpe);
}

static void gone_release_of_the_living(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	pci_recovery_release(&fpe->pe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 0);
	KUNIT_EXPECT_NOT_NULL(test, fpe->fn[0].pdev->dev.driver);
}

/* One of two functions. */
static void leave_one(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		fake_fn_del(&fpe->fn[1]);
}

static void gone_one_of_two(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	WRITE_ONCE(fpe->hook, leave_one);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_RESUME]), 1);
}

/* ... when it is about to be asked. */
static void leave_in_thaw(struct fake_pe *fpe, enum fake_op op)
{
	/* Once, for unbinding may thaw. */
	if (op == FAKE_THAW_MMIO && atomic_read(&fpe->calls[op]) == 1)
		fake_fn_del(&fpe->fn[1]);
}

static void gone_one_in_thaw(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	WRITE_ONCE(fpe->hook, leave_in_thaw);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_RESUME]), 1);
}

/* The first function was there when the second turned out not to be. */
static void gone_in_survey(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);
	struct device *dev = &fpe->fn[1].pdev->dev;

	suite_limits(test, SUITE_MS, SUITE_MS);
	device_lock(dev);
	fake_error(fpe);
	msleep(500);
	fake_gone(fpe);
	device_unlock(dev);
	suite_wait(test, fpe, 1);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "end gone none\n");
}

/* In the probe of one function the other leaves, or both. */
static void leave_other(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_PROBE)
		fake_fn_del(fn + 1);
}

static void leave_both(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_PROBE)
		fake_gone(fn->fpe);
}

static void gone_in_probe(struct kunit *test)
{
	static const u16 both[] = { FAKE_UNAWARE, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	WRITE_ONCE(fpe->fn[0].hook, leave_other);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_NOT_NULL(test, fpe->fn[0].pdev->dev.driver);

	KUNIT_ASSERT_EQ(test, fake_fn_add(&fpe->fn[1], FAKE_UNAWARE), 0);
	WRITE_ONCE(fpe->fn[0].hook, leave_both);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_NULL(test, fpe->fn[1].pdev->dev.driver);
}

static void gone_in_probe_that_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	atomic_set(&fpe->fn[0].fail_probes, 1);
	WRITE_ONCE(fpe->fn[0].hook, leave_both);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_DEEP_RESET]), 0);
}

/* Nobody is told that it is over. */
static void leave_in_last_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_DEEP_RESET &&
	    atomic_read(&fpe->calls[FAKE_DEEP_RESET]) == 2)
		fake_gone(fpe);
}

static void gone_in_last_reset(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	WRITE_ONCE(fpe->hook, leave_in_last_reset);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_PERM_FAILURE]),
			0);
}

/* ... nor is it scanned again. */
static void gone_for_an_operator(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	WRITE_ONCE(fpe->hook, leave_in_last_reset);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESCAN]), 0);
}

static void gone_in_rescan(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	WRITE_ONCE(fpe->fn[0].hook, leave_both);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESCAN]), 1);
}

/* An orderly removal of what is frozen: the drivers find a device. */
static void gone_released_frozen(struct kunit *test)
{
	static const u16 both[] = { FAKE_DRIVERLESS, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	fake_freeze(fpe);
	pci_recovery_gone(&fpe->pe, false);
	/* Not before its driver has left in good order. */
	expect_channel(test, fpe->fn[1].pdev, pci_channel_io_normal);
	pci_recovery_release(&fpe->pe);
	suite_expect_log(test, fpe,
			 "begin release\n"
			 "revive\n"
			 "unbind 1\n"
			 "end gone none\n");
	KUNIT_EXPECT_EQ(test, fpe->hw, PCI_PE_HW_MMIO);
}

/* The platform finds out that it is not there, when it is to do something. */
static void gone_says_the_platform(struct kunit *test)
{
	static const enum fake_op ops[] = {
		FAKE_LOCK, FAKE_FREEZE, FAKE_RESET
	};
	struct fake_pe *fpe;
	int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		fpe = suite_pe(test, FAKE_AWARE);
		fake_fail(fpe, ops[i], 0, 1, -ENODEV);
		suite_error(test, fpe);
		KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
		KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]),
				ops[i] == FAKE_RESET);
		KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_FREEZE]),
				ops[i] != FAKE_LOCK);
		suite_pe_put(test, fpe);
	}
}

/* Nobody is there. */
static void gone_nobody(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe_below(test, NULL, 0, NULL);

	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ENODEV);
	suite_expect_log(test, fpe,
			 "begin operator\n"
			 "end gone none\n");
}

static struct kunit_case gone_cases[] = {
	KUNIT_CASE_PARAM(gone_published, when_gen_params),
	KUNIT_CASE_PARAM(gone_removed, when_gen_params),
	KUNIT_CASE(gone_replaced),
	KUNIT_CASE(gone_released),
	KUNIT_CASE(gone_release_of_the_living),
	KUNIT_CASE(gone_one_of_two),
	KUNIT_CASE(gone_one_in_thaw),
	KUNIT_CASE(gone_in_survey),
	KUNIT_CASE(gone_in_probe),
	KUNIT_CASE(gone_in_probe_that_fails),
	KUNIT_CASE(gone_in_rescan),
	KUNIT_CASE(gone_released_frozen),
	KUNIT_CASE(gone_says_the_platform),
	KUNIT_CASE(gone_nobody),
	KUNIT_CASE(gone_in_last_reset),
	KUNIT_CASE(gone_for_an_operator),
	{}
};

struct kunit_suite gone_suite = {
	.name = "pci_recovery_gone",
	.test_cases = gone_cases,
};
