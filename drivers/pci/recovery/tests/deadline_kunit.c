// SPDX-License-Identifier: GPL-2.0
/*
 * Callbacks that do not return, and devices that fail under a driver: the
 * others go on, the culprit is named, and the episode goes on when it returns.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "suites.h"
#include "../recovery.h"

/* Limits in ms, short for a test and long for an emulator. */
#define CALLBACK_MS	200
#define RESCUE_MS	100

static struct completion let_go;
static struct completion inside;
static enum fake_call stuck_in;

static void get_stuck(struct fake_fn *fn, enum fake_call call)
{
	if (call != stuck_in)
		return;
	complete(&inside);
	wait_for_completion_timeout(&let_go, msecs_to_jiffies(SUITE_MS));
}

static void free_it(void *unused)
{
	complete_all(&let_go);
}

/* A PE whose driver does not return from @call. */
static struct fake_pe *stuck_pe(struct kunit *test, u16 driver,
				enum fake_call call)
{
	struct fake_pe *fpe = suite_pe(test, driver);

	init_completion(&let_go);
	init_completion(&inside);
	stuck_in = call;
	/* Runs before the PE is put back, which waits for the driver. */
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_it, NULL), 0);
	suite_limits(test, CALLBACK_MS, RESCUE_MS);
	WRITE_ONCE(fpe->fn[0].hook, get_stuck);
	return fpe;
}

static bool stalled(struct fake_pe *fpe, const char *what)
{
	char buf[64];
	int tries;

	for (tries = 0; tries < SUITE_MS / 20; tries++) {
		if (fake_stalled(fpe, buf, sizeof(buf)) && !strcmp(buf, what))
			return true;
		msleep(20);
	}
	return false;
}

/* While @fpe is stuck: others recover, and hotplug goes on. */
static void expect_others(struct kunit *test)
{
	struct fake_pe *other = suite_pe(test, FAKE_AWARE);
	struct fake_pe *unaware = suite_pe(test, FAKE_UNAWARE);

	suite_error(test, other);
	suite_error(test, unaware);
	KUNIT_EXPECT_EQ(test, other->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, unaware->log.outcome, PCI_RECOVERY_RECOVERED);
	/* Adding these took the rescan/remove lock; so does removing one. */
	suite_pe_put(test, other);
}

struct stuck {
	const char *stalled;
	u16 driver;
	enum fake_call call;
};

static const struct stuck stucks[] = {
	{ "fake-emsr ->error_detected()", FAKE_AWARE, FAKE_ERROR_DETECTED },
	{ "fake-emsr ->slot_reset()", FAKE_AWARE, FAKE_SLOT_RESET },
	{ "fake-emsr ->resume()", FAKE_AWARE, FAKE_RESUME },
	{ "fake ->remove()", FAKE_UNAWARE, FAKE_REMOVE },
	{ "fake ->probe()", FAKE_UNAWARE, FAKE_PROBE },
};

static void stuck_desc(const struct stuck *stuck, char *desc)
{
	strscpy(desc, stuck->stalled, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(stuck, stucks, stuck_desc);

static unsigned int stalls_of(struct fake_pe *fpe)
{
	const char *text = fpe->log.text;
	unsigned int stalls = 0;

	while ((text = strstr(text, "stall="))) {
		stalls++;
		text++;
	}
	return stalls;
}

/* Nobody else waits for a callback that may go on. */
static void deadline_not_for_others(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_ERROR_DETECTED);
	unsigned long left;

	fake_limits(SUITE_MS, SUITE_MS);
	fake_error(fpe);
	left = wait_for_completion_timeout(&inside, msecs_to_jiffies(SUITE_MS));
	KUNIT_ASSERT_NE(test, left, 0);
	expect_others(test);
	KUNIT_EXPECT_FALSE(test, fake_stalled(fpe, NULL, 0));
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].inside), 1);

	complete_all(&let_go);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_NULL(test, strstr(fpe->log.text, "stall"));
}

static void deadline_callback(struct kunit *test)
{
	const struct stuck *stuck = test->param_value;
	struct fake_pe *fpe = stuck_pe(test, stuck->driver, stuck->call);
	unsigned int stalls;
	unsigned long left;

	fake_error(fpe);
	left = wait_for_completion_timeout(&inside, msecs_to_jiffies(SUITE_MS));
	KUNIT_ASSERT_NE(test, left, 0);
	KUNIT_EXPECT_TRUE(test, stalled(fpe, stuck->stalled));
	/* An operator is told, and need not wait. */
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ETIMEDOUT);
	expect_others(test);
	KUNIT_EXPECT_EQ(test, fpe->log.ends, 0);
	/* Once is enough, however long it takes. */
	stalls = stalls_of(fpe);
	msleep(2 * CALLBACK_MS);
	KUNIT_EXPECT_EQ(test, stalls_of(fpe), stalls);

	complete_all(&let_go);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "stall"));
	/* If it was rescued meanwhile, a reset came after that. */
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_FALSE(test, fake_stalled(fpe, NULL, 0));
	/* Nor is it taken for one that overstays in the window. */
	KUNIT_EXPECT_FALSE(test, test_bit(PE_EXPELLED, &fpe->pe.flags));
	/* Nor is anyone told who asks now. */
	fake_limits(SUITE_MS, SUITE_MS);
	WRITE_ONCE(fpe->fn[0].hook, NULL);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
}

/* It fails again under its driver, which waits for it to answer. */
static bool gave_up;

static void wait_for_device(struct fake_fn *fn, enum fake_call call)
{
	struct pci_dev *pdev = fn->pdev;
	int tries = SUITE_MS / 20;

	if (call != stuck_in || fn->fpe->log.ends)
		return;
	fake_error(fn->fpe);
	/* Which the driver is to know. */
	while ((READ_ONCE(fn->fpe->hw) != PCI_PE_HW_NORMAL ||
		READ_ONCE(pdev->error_state) != pci_channel_io_normal) &&
	       tries--)
		msleep(20);
	gave_up = tries < 0;
}

static void deadline_rescue(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_RESUME);
	const char *first;

	WRITE_ONCE(fpe->fn[0].hook, wait_for_device);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_FALSE(test, gave_up);
	/* MMIO, then DMA; and then it is recovered as it should be. */
	first = strstr(fpe->log.text, "rescue\n");
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_EXPECT_NOT_NULL(test, strstr(first + 1, "rescue\n"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "begin again\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
}

static void wait_and_be_stale(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_RESUME)
		fake_fail(fn->fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	wait_for_device(fn, call);
}

/* The platform says that the device is another: one more episode is enough. */
static void deadline_rescue_once(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_RESUME);

	WRITE_ONCE(fpe->fn[0].hook, wait_and_be_stale);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	fake_idle(fpe);
	KUNIT_EXPECT_FALSE(test, gave_up);
	KUNIT_EXPECT_EQ(test, fpe->log.ends, 2);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_STALE);
	KUNIT_EXPECT_EQ(test, READ_ONCE(fpe->pe.flags), 0);
}

/* At most so often in one step. */
static void wait_in_vain(struct fake_fn *fn, enum fake_call call)
{
	if (call != stuck_in || fn->fpe->log.ends)
		return;
	fake_error(fn->fpe);
	msleep(10 * RESCUE_MS);
}

static void deadline_rescue_in_vain(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_RESUME);

	suite_limits(test, SUITE_MS, RESCUE_MS);
	WRITE_ONCE(fpe->fn[0].hook, wait_in_vain);
	fake_fail(fpe, FAKE_THAW_MMIO, 0, 100, -EIO);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_THAW_MMIO]), 4);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Where it is meant to be frozen it stays so, until the step is overdue. */
static void deadline_frozen_is_meant(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	suite_limits(test, SUITE_MS, RESCUE_MS);
	fpe->fn[0].ms[FAKE_ERROR_DETECTED] = 5 * RESCUE_MS;
	suite_error(test, fpe);
	KUNIT_EXPECT_NULL(test, strstr(fpe->log.text, "rescue"));
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* In mmio_enabled DMA is meant to be stopped. */
static void wait_for_mmio(struct fake_fn *fn, enum fake_call call)
{
	int tries = SUITE_MS / 20;

	if (call != FAKE_MMIO_ENABLED)
		return;
	fake_error(fn->fpe);
	while (READ_ONCE(fn->fpe->hw) == PCI_PE_HW_FROZEN && tries--)
		msleep(20);
	msleep(3 * RESCUE_MS);
}

static void deadline_rescue_not_further(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_NR_CALLS);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fpe->fn[0].vote[FAKE_MMIO_ENABLED] = PCI_ERS_RESULT_NEED_RESET;
	WRITE_ONCE(fpe->fn[0].hook, wait_for_mmio);
	suite_error(test, fpe);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "rescue\n"));
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_THAW_DMA]), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Somebody holds the lock that the worker needs, and waits for the device. */
static void deadline_rescue_who_holds_the_lock(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_NR_CALLS);
	struct device *dev = &fpe->fn[0].pdev->dev;
	int tries = SUITE_MS / 20;

	device_lock(dev);
	fake_error(fpe);
	while (READ_ONCE(fpe->hw) != PCI_PE_HW_MMIO && tries--)
		msleep(20);
	KUNIT_EXPECT_EQ(test, fpe->hw, PCI_PE_HW_MMIO);
	KUNIT_EXPECT_EQ(test, fpe->log.ends, 0);
	device_unlock(dev);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Unbound by hand, without an episode: its remove() finds a device. */
static enum pci_pe_hw_state hw_in_remove;

static void look_in_remove(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_REMOVE)
		hw_in_remove = READ_ONCE(fn->fpe->hw);
}

static void deadline_unbind_by_hand(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fpe->pe.auto_recover = false;
	suite_error(test, fpe);
	WRITE_ONCE(fpe->fn[0].hook, look_in_remove);
	hw_in_remove = PCI_PE_HW_GONE;
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_EQ(test, hw_in_remove, PCI_PE_HW_MMIO);
}

/* A thaw that fails is tried once more. */
static void deadline_rescue_fails(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_RESUME);
	const char *first;

	WRITE_ONCE(fpe->fn[0].hook, wait_for_device);
	fake_fail(fpe, FAKE_THAW_MMIO, 0, 1, -EIO);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	first = strstr(fpe->log.text, "rescue=-5\n");
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_EXPECT_NOT_NULL(test, strstr(first, "\nrescue\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* The worker waits for somebody who is not inside the device. */
static enum pci_pe_hw_state hw_in_lock;

static void hold_lock(struct fake_pe *fpe, enum fake_op op)
{
	int tries = SUITE_MS / 20;

	if (op != FAKE_LOCK || atomic_read(&fpe->calls[FAKE_LOCK]) != 1)
		return;
	msleep(4 * RESCUE_MS);
	while (!fake_stalled(fpe, NULL, 0) && tries--)
		msleep(20);
	hw_in_lock = READ_ONCE(fpe->hw);
}

static void deadline_not_the_device(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_NR_CALLS);

	hw_in_lock = PCI_PE_HW_GONE;
	WRITE_ONCE(fpe->hook, hold_lock);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, hw_in_lock, PCI_PE_HW_FROZEN);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "stall=-110\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* An operator waits for a driver that takes its time. */
static void deadline_operator_waits(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].ms[FAKE_ERROR_DETECTED] = 1500;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_NULL(test, strstr(fpe->log.text, "stall"));
}

/* An operator who loses patience before the deadline. */
static void deadline_operator_is_killed(struct kunit *test)
{
	struct fake_pe *fpe = stuck_pe(test, FAKE_AWARE, FAKE_ERROR_DETECTED);

	suite_limits(test, SUITE_MS, SUITE_MS);
	fake_error(fpe);
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EINTR);
	flush_signals(current);
	disallow_signal(SIGKILL);
	complete_all(&let_go);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static struct kunit_case deadline_cases[] = {
	KUNIT_CASE_PARAM(deadline_callback, stuck_gen_params),
	KUNIT_CASE(deadline_not_for_others),
	KUNIT_CASE(deadline_rescue),
	KUNIT_CASE(deadline_rescue_once),
	KUNIT_CASE(deadline_rescue_in_vain),
	KUNIT_CASE(deadline_frozen_is_meant),
	KUNIT_CASE(deadline_rescue_not_further),
	KUNIT_CASE(deadline_rescue_who_holds_the_lock),
	KUNIT_CASE(deadline_unbind_by_hand),
	KUNIT_CASE(deadline_rescue_fails),
	KUNIT_CASE(deadline_not_the_device),
	KUNIT_CASE(deadline_operator_waits),
	KUNIT_CASE(deadline_operator_is_killed),
	{}
};

struct kunit_suite deadline_suite = {
	.name = "pci_recovery_deadline",
	.test_cases = deadline_cases,
};
