// SPDX-License-Identifier: GPL-2.0
/*
 * Many reports, and many who ask: no error is lost, none is recovered twice.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include "suites.h"

#define STORM 10000

/* One error reported over and over while its episode runs. */
static void storm_of_one(struct fake_pe *fpe, enum fake_op op)
{
	int i;

	if (op != FAKE_RESET)
		return;
	for (i = 0; i < STORM; i++)
		pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
}

/* Everyone knows of it before anything is done, or waited for. */
static void storm_published_at_once(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	mutex_lock(&fpe->lock);
	fake_error(fpe);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_FROZEN);
	mutex_unlock(&fpe->lock);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static void storm_same_error(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->hook, storm_of_one);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* The device fails again when its driver goes on, and keeps saying so. */
static void storm_again(struct fake_fn *fn, enum fake_call call)
{
	int i;

	if (call != FAKE_RESUME || fn->fpe->log.ends)
		return;
	for (i = 0; i < STORM; i++)
		fake_error(fn->fpe);
}

static void storm_second_error(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	/* Under emulation a storm takes long enough for a rescue. */
	suite_limits(test, SUITE_MS, SUITE_MS);
	WRITE_ONCE(fpe->fn[0].hook, storm_again);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n"
			 "begin again\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
}

/* A second error that comes before the drivers were asked is the same one. */
static void storm_early(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_ERROR_DETECTED)
		fake_error(fn->fpe);
}

static void storm_error_in_error_detected(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->fn[0].hook, storm_early);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* One in slot_reset costs another reset, in the same episode. */
static void storm_late(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_SLOT_RESET &&
	    atomic_read(&fn->called[FAKE_SLOT_RESET]) == 1)
		fake_error(fn->fpe);
}

static void storm_error_in_slot_reset(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->fn[0].hook, storm_late);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]), 2);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* One that comes while another turns out to be stale is looked at, too. */
static void storm_unsure(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_FREEZE && atomic_read(&fpe->calls[FAKE_FREEZE]) == 1)
		pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
}

static void storm_report_when_stale(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->hook, storm_unsure);
	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
	suite_wait(test, fpe, 1);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_STALE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* A late report of what the reset has dealt with is not seen by the driver. */
static u32 channel_seen;

static void report_late(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_SLOT_RESET)
		pci_recovery_report(&fn->fpe->pe, PCI_REPORT_ERROR);
	if (call == FAKE_RESUME)
		channel_seen = (__force u32)fn->pdev->error_state;
}

static void storm_late_report(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	channel_seen = 0;
	WRITE_ONCE(fpe->fn[0].hook, report_late);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, channel_seen,
			(__force u32)pci_channel_io_normal);
}

/* ... nor by one that is bound. */
static void report_after_restore(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_RESTORE)
		pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
}

static void look_in_probe(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_PROBE)
		channel_seen = (__force u32)fn->pdev->error_state;
}

static void storm_late_report_bind(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	channel_seen = 0;
	WRITE_ONCE(fpe->step_hook, report_after_restore);
	WRITE_ONCE(fpe->fn[0].hook, look_in_probe);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, channel_seen,
			(__force u32)pci_channel_io_normal);
}

/* ... nor by the drivers of other functions. */
static bool seen_frozen;

static void report_in_between(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_RESTORE || step == PCI_STEP_BIND)
		pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
}

static void look_after_reset(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_SLOT_RESET || call == FAKE_RESUME)
		seen_frozen |= fn->pdev->error_state != pci_channel_io_normal;
}

static void storm_late_report_others(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	seen_frozen = false;
	WRITE_ONCE(fpe->step_hook, report_in_between);
	WRITE_ONCE(fpe->fn[0].hook, look_after_reset);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_FALSE(test, seen_frozen);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_RESUME]), 1);
}

/* One before resume is not hidden by the end of the episode. */
static int state_at_end;

static void fail_after_bind(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_BIND && !fpe->log.ends)
		fake_error(fpe);
}

static void look_at_end(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_REPORT && fpe->log.ends == 1)
		state_at_end = atomic_read(&fpe->pe.state);
}

static void storm_error_before_resume(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	state_at_end = PCI_PE_NR_STATES;
	WRITE_ONCE(fpe->step_hook, fail_after_bind);
	WRITE_ONCE(fpe->hook, look_at_end);
	suite_error(test, fpe);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, state_at_end, PCI_PE_FROZEN);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* A driver that lets the device fail whenever it resumes runs out of budget. */
static void storm_for_ever(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_RESUME)
		fake_error(fn->fpe);
}

static void storm_ends_with_the_budget(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->fn[0].hook, storm_for_ever);
	suite_error(test, fpe);
	suite_wait(test, fpe, fpe->pe.max_freezes + 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, fpe->pe.max_freezes + 1);
}

/* Five who ask while an episode runs, which waits for them. */
#define WRITERS 5

struct writer {
	struct work_struct work;
	struct fake_pe *fpe;
	int ret;
};

static atomic_t writers_started;

static void writer_work(struct work_struct *work)
{
	struct writer *writer = container_of(work, struct writer, work);

	atomic_inc(&writers_started);
	writer->ret = pci_recovery_run(&writer->fpe->pe);
}

static void wait_for_writers(struct fake_pe *fpe, enum fake_op op)
{
	int tries = 1000;

	if (op != FAKE_RESET)
		return;
	while (atomic_read(&writers_started) < WRITERS && tries--)
		msleep(20);
	/* From there to the wait is not far. */
	msleep(100);
}

static void storm_of_operators(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	struct writer *writers;
	int i;

	writers = kunit_kcalloc(test, WRITERS, sizeof(*writers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, writers);
	atomic_set(&writers_started, 0);
	WRITE_ONCE(fpe->hook, wait_for_writers);
	for (i = 0; i < WRITERS; i++) {
		INIT_WORK(&writers[i].work, writer_work);
		writers[i].fpe = fpe;
		queue_work(system_unbound_wq, &writers[i].work);
	}
	for (i = 0; i < WRITERS; i++) {
		flush_work(&writers[i].work);
		KUNIT_EXPECT_EQ(test, writers[i].ret, 0);
	}
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
}

/* Every episode has a number of its own, whatever its PE. */
static void storm_episode_ids(struct kunit *test)
{
	struct fake_pe *a = suite_pe(test, FAKE_AWARE);
	struct fake_pe *b = suite_pe(test, FAKE_AWARE);
	u32 first;

	suite_error(test, a);
	first = a->log.episode;
	suite_error(test, b);
	KUNIT_EXPECT_GT(test, b->log.episode, first);
	suite_error(test, a);
	KUNIT_EXPECT_GT(test, a->log.episode, b->log.episode);
}

static struct kunit_case storm_cases[] = {
	KUNIT_CASE(storm_published_at_once),
	KUNIT_CASE(storm_same_error),
	KUNIT_CASE(storm_second_error),
	KUNIT_CASE(storm_error_in_error_detected),
	KUNIT_CASE(storm_error_in_slot_reset),
	KUNIT_CASE(storm_ends_with_the_budget),
	KUNIT_CASE(storm_of_operators),
	KUNIT_CASE(storm_episode_ids),
	KUNIT_CASE(storm_report_when_stale),
	KUNIT_CASE(storm_late_report),
	KUNIT_CASE(storm_late_report_bind),
	KUNIT_CASE(storm_late_report_others),
	KUNIT_CASE(storm_error_before_resume),
	{}
};

struct kunit_suite storm_suite = {
	.name = "pci_recovery_storm",
	.test_cases = storm_cases,
};
