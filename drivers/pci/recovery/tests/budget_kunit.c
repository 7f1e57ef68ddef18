// SPDX-License-Identifier: GPL-2.0
/*
 * So many errors in an hour, and who is not the core's to recover.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include "suites.h"

static void budget_used_up(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	int i;

	fpe->pe.max_freezes = 3;
	for (i = 0; i < 3; i++) {
		suite_error(test, fpe);
		KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	}
	fake_log_clear(fpe);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "perm_failure 0\n"
			 "end failed none\n");
	/* Nothing is tried any more, but by an operator. */
	KUNIT_EXPECT_FALSE(test, fake_error(fpe));
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	/* Which is a new beginning. */
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static void budget_zero(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

static void budget_hour_is_over(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.max_freezes = 1;
	suite_error(test, fpe);
	fpe->pe.freezes_since -= 3601;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

static void budget_operator_does_not_count(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	int i;

	fpe->pe.max_freezes = 1;
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* What is not recovered does not count. */
static void budget_refused(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.max_freezes = 1;
	fpe->refuse = true;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "end refused none\n");
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_ERROR_DETECTED]),
			0);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EBUSY);
	fpe->refuse = false;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Only a success makes the count start again. */
static void budget_operator_refused(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.max_freezes = 1;
	suite_error(test, fpe);
	fpe->refuse = true;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EBUSY);
	fpe->refuse = false;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

static void budget_auto_off(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.auto_recover = false;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_REFUSED);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* What is frozen looks so, also if the platform was not sure at first. */
static void budget_auto_off_unsure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.auto_recover = false;
	fake_freeze(fpe);
	pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_REFUSED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_FROZEN);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_frozen);
}

/* The platform says: permanent.  No operator is bound by that. */
static void budget_permanent(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_freeze(fpe);
	pci_recovery_report(&fpe->pe, PCI_REPORT_PERMANENT);
	suite_wait(test, fpe, 1);
	suite_expect_log(test, fpe,
			 "begin permanent\n"
			 "freeze\n"
			 "perm_failure 0\n"
			 "end failed none\n");
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
}

static void budget_freeze_says_permanent(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_FREEZE, 0, 1, -EIO);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	fake_fail(fpe, FAKE_FREEZE, 0, 1, -EIO);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
}

/* The report did not concern it. */
static void budget_stale(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
	suite_wait(test, fpe, 1);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze=-116\n"
			 "end stale none\n");
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
	/* An operator does not ask because of a report. */
	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
}

/* An operator who asks meanwhile is told that nothing was done. */
static struct fake_pe *asked;
static bool asking;
static int answer;

static void ask_work(struct work_struct *work)
{
	WRITE_ONCE(asking, true);
	answer = pci_recovery_run(&asked->pe);
}

static DECLARE_WORK(ask, ask_work);

static void ask_in_freeze(struct fake_pe *fpe, enum fake_op op)
{
	int tries = 1000;

	if (op != FAKE_FREEZE || atomic_read(&fpe->calls[op]) != 1)
		return;
	queue_work(system_unbound_wq, &ask);
	while (!READ_ONCE(asking) && tries--)
		msleep(20);
	/* From there to the wait is not far. */
	msleep(100);
}

static void budget_operator_joins_stale(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	asked = fpe;
	asking = false;
	WRITE_ONCE(fpe->hook, ask_in_freeze);
	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
	suite_wait(test, fpe, 1);
	flush_work(&ask);
	/* He has not asked because of that report. */
	KUNIT_EXPECT_EQ(test, answer, 0);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 2);
}

/* Before the platform is sure nobody is told of it. */
static bool frozen_before;

static void look_before(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_FREEZE)
		frozen_before = fpe->fn[0].pdev->error_state !=
				pci_channel_io_normal;
}

static void budget_unsure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	frozen_before = true;
	WRITE_ONCE(fpe->hook, look_before);
	fake_freeze(fpe);
	pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_FALSE(test, frozen_before);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* ... nor was there an error at all, though everyone was told of one. */
static void budget_stale_published(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_STALE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

static struct kunit_case budget_cases[] = {
	KUNIT_CASE(budget_used_up),
	KUNIT_CASE(budget_zero),
	KUNIT_CASE(budget_hour_is_over),
	KUNIT_CASE(budget_operator_does_not_count),
	KUNIT_CASE(budget_refused),
	KUNIT_CASE(budget_operator_refused),
	KUNIT_CASE(budget_auto_off),
	KUNIT_CASE(budget_auto_off_unsure),
	KUNIT_CASE(budget_permanent),
	KUNIT_CASE(budget_freeze_says_permanent),
	KUNIT_CASE(budget_stale),
	KUNIT_CASE(budget_operator_joins_stale),
	KUNIT_CASE(budget_unsure),
	KUNIT_CASE(budget_stale_published),
	{}
};

struct kunit_suite budget_suite = {
	.name = "pci_recovery_budget",
	.test_cases = budget_cases,
};
