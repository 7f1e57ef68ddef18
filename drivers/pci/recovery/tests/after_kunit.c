// SPDX-License-Identifier: GPL-2.0
/*
 * What an episode leaves behind: for the next one, for who comes in the place
 * of a function that left, and for everyone else.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include "suites.h"
#include "../recovery.h"

static struct fake_pe *above;

/* A device that was reset under its driver needs another reset, or slot_reset. */
static void change_mind(struct fake_pe *fpe, enum fake_op op)
{
	int tries = 1000;

	if (op != FAKE_RESET || above->log.begins)
		return;
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fake_error(above);
	while (!READ_ONCE(fpe->pe.above) && tries--)
		msleep(20);
}

static void after_half_reset(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *child;

	above = suite_pe_below(test, NULL, 0, NULL);
	child = suite_pe_below(test, above, 1, &aware);
	WRITE_ONCE(child->hook, change_mind);
	suite_error(test, child);
	suite_wait(test, above, 1);
	KUNIT_EXPECT_EQ(test, child->log.outcome, PCI_RECOVERY_ABSORBED);
	KUNIT_EXPECT_EQ(test, above->log.rung, PCI_RUNG_RESET);
	KUNIT_EXPECT_EQ(test, atomic_read(&child->fn[0].called[FAKE_SLOT_RESET]),
			1);
}

/* For one that was given up a thaw is not enough, whatever its siblings say. */
static void after_failed_child(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *failed = suite_pe_below(test, parent, 1, &aware);
	struct fake_pe *sibling = suite_pe_below(test, parent, 1, &aware);

	sibling->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	failed->pe.max_freezes = 0;
	suite_error(test, failed);
	KUNIT_EXPECT_EQ(test, failed->log.outcome, PCI_RECOVERY_FAILED);
	suite_error(test, parent);
	KUNIT_EXPECT_EQ(test, parent->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_EQ(test, atomic_read(&failed->fn[0].called[FAKE_PROBE]),
			2);
}

/* Once it has recovered from that, nothing of it is left. */
static void after_failure_thaw(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	fpe->pe.max_freezes = 5;
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_THAW);
}

/* Nor is it forgotten before that which driver is to be bound. */
static void after_failure_refused(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	atomic_set(&fpe->fn[0].fail_probes, 3);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	fpe->refuse = true;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EBUSY);
	fpe->refuse = false;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_NOT_NULL(test, fpe->fn[0].pdev->dev.driver);
}

/* What came in its place by then is not given up. */
static void replace_in_last_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op != FAKE_DEEP_RESET ||
	    atomic_read(&fpe->calls[FAKE_DEEP_RESET]) != 2)
		return;
	fake_fn_del(&fpe->fn[0]);
	fpe->hw = PCI_PE_HW_NORMAL;
	fake_fn_add(&fpe->fn[0], FAKE_AWARE);
}

static void after_replaced_in_last_reset(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	WRITE_ONCE(fpe->hook, replace_in_last_reset);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/*
 * Released while an episode runs, and something else is there when that ends:
 * it keeps its driver, and if it has failed it is recovered.
 */
static struct fake_pe *released;

static void release_work(struct work_struct *work)
{
	fake_release(released);
}

static DECLARE_WORK(release, release_work);

static bool successor_fails;

static void release_and_replace(struct fake_pe *fpe, enum fake_op op)
{
	int tries = SUITE_MS / 20;

	if (op != FAKE_REPORT || fpe->log.ends != 1)
		return;
	fake_gone(fpe);
	queue_work(system_unbound_wq, &release);
	while (!test_bit(PE_RELEASE, &fpe->pe.flags) && tries--)
		msleep(20);
	fake_fn_del(&fpe->fn[0]);
	fake_fn_add(&fpe->fn[0], FAKE_AWARE);
	if (successor_fails)
		fake_error(fpe);
}

static void after_release_of_successor(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	released = fpe;
	successor_fails = false;
	WRITE_ONCE(fpe->hook, release_and_replace);
	suite_error(test, fpe);
	flush_work(&release);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_NOT_NULL(test, fpe->fn[0].pdev->dev.driver);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
}

static void after_release_and_error(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	released = fpe;
	successor_fails = true;
	WRITE_ONCE(fpe->hook, release_and_replace);
	suite_error(test, fpe);
	flush_work(&release);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
}

/* Nothing is left below: there is nothing to go on with. */
static struct fake_pe *only;

static void pull_only(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		fake_gone(only);
}

static void after_only_child(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);

	only = suite_pe_below(test, parent, 1, &aware);
	WRITE_ONCE(parent->hook, pull_only);
	suite_error(test, parent);
	KUNIT_EXPECT_EQ(test, parent->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&only->fn[0].called[FAKE_RESUME]), 0);
}

/* A second function does not prove that the first is there. */
static void after_gone_second(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_gone(fpe);
	KUNIT_EXPECT_EQ(test, fake_fn_add(&fpe->fn[1], FAKE_DRIVERLESS), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_DEAD);
}

/* Whoever said that no driver may bind is not overruled. */
static void after_barred_by_others(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	KUNIT_EXPECT_TRUE(test, pci_allow_binding(pdev, false));
	suite_error(test, fpe);
	KUNIT_EXPECT_FALSE(test, pci_allow_binding(pdev, true));
	suite_error(test, fpe);
	KUNIT_EXPECT_TRUE(test, pci_allow_binding(pdev, true));
}

/* All references to a function, when it has left. */
static void after_references(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_dev *pdev = pci_dev_get(fpe->fn[0].pdev);
	int tries = SUITE_MS / 20;

	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	fake_fn_del(&fpe->fn[0]);
	while (kref_read(&pdev->dev.kobj.kref) > 1 && tries--)
		msleep(20);
	KUNIT_EXPECT_EQ(test, kref_read(&pdev->dev.kobj.kref), 1);
	pci_dev_put(pdev);
}

/* Firmware is told of each, once, and it is not over before. */
static bool busy;

static void look_in_report(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_REPORT)
		busy = fake_busy(fpe);
}

static void after_report(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	busy = false;
	WRITE_ONCE(fpe->hook, look_in_report);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_REPORT]), 1);
	KUNIT_EXPECT_EQ(test, fpe->told, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_TRUE(test, busy);
	KUNIT_EXPECT_FALSE(test, fake_busy(fpe));
	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_REPORT]), 2);
	KUNIT_EXPECT_EQ(test, fpe->told, PCI_RECOVERY_FAILED);
}

static struct kunit_case after_cases[] = {
	KUNIT_CASE(after_half_reset),
	KUNIT_CASE(after_failed_child),
	KUNIT_CASE(after_failure_thaw),
	KUNIT_CASE(after_failure_refused),
	KUNIT_CASE(after_replaced_in_last_reset),
	KUNIT_CASE(after_release_of_successor),
	KUNIT_CASE(after_release_and_error),
	KUNIT_CASE(after_only_child),
	KUNIT_CASE(after_gone_second),
	KUNIT_CASE(after_barred_by_others),
	KUNIT_CASE(after_references),
	KUNIT_CASE(after_report),
	{}
};

struct kunit_suite after_suite = {
	.name = "pci_recovery_after",
	.test_cases = after_cases,
};
