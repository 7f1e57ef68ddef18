// SPDX-License-Identifier: GPL-2.0
/*
 * Another error while the drivers deal with the first: each hears of it once, by
 * error_detected, before it is asked for another slot_reset; and one that cannot
 * begin again is rebound.
 */

#include <linux/pci.h>

#include "suites.h"

/* How often @fn fails in @call from now on. */
struct again {
	enum fake_call call;
	atomic_t times;
	pci_ers_result_t then;
};

static void fail_in_call(struct fake_fn *fn, enum fake_call call)
{
	struct again *again = fn->fpe->priv;

	if (call != again->call || atomic_dec_if_positive(&again->times) < 0)
		return;
	fn->vote[FAKE_ERROR_DETECTED] = again->then;
	fake_error(fn->fpe);
}

/* A PE with functions for aware drivers; the first fails as @again says. */
static struct fake_pe *again_pe(struct kunit *test, struct again *again,
				unsigned int functions)
{
	static const u16 drivers[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, functions, drivers);

	fpe->priv = again;
	WRITE_ONCE(fpe->fn[0].hook, fail_in_call);
	return fpe;
}

static void fail_after_reset(struct fake_pe *fpe, enum pci_step step)
{
	struct again *again = fpe->priv;

	if (step == PCI_STEP_RESET && atomic_dec_if_positive(&again->times) >= 0)
		fake_error(fpe);
}

/* The driver has not begun to use it: it needs not know. */
static void again_before_slot_reset(struct kunit *test)
{
	struct again again = { .call = FAKE_NR_CALLS, .times = ATOMIC_INIT(1) };
	struct fake_pe *fpe = again_pe(test, &again, 1);

	WRITE_ONCE(fpe->step_hook, fail_after_reset);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
}

static void again_in_slot_reset(struct kunit *test)
{
	struct again again = {
		.call = FAKE_SLOT_RESET,
		.times = ATOMIC_INIT(1),
		/* There is no going on without a reset after a slot_reset. */
		.then = PCI_ERS_RESULT_CAN_RECOVER,
	};
	struct fake_pe *fpe = again_pe(test, &again, 1);

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "error_detected 0\n"
			 "vote 0 can_recover\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
}

/* A driver that is in the middle of it, as nvme. */
static void again_gives_up(struct kunit *test)
{
	struct again again = {
		.call = FAKE_SLOT_RESET,
		.times = ATOMIC_INIT(1),
		.then = PCI_ERS_RESULT_DISCONNECT,
	};
	struct fake_pe *fpe = again_pe(test, &again, 1);

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "error_detected 0\n"
			 "vote 0 disconnect\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered rebind\n");
}

/* Only that one; the other goes on as it was. */
static void again_one_gives_up(struct kunit *test)
{
	struct again again = {
		.call = FAKE_SLOT_RESET,
		.times = ATOMIC_INIT(1),
		.then = PCI_ERS_RESULT_DISCONNECT,
	};
	struct fake_pe *fpe = again_pe(test, &again, 2);

	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_REMOVE]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_RESUME]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[1].called[FAKE_REMOVE]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[1].called[FAKE_ERROR_DETECTED]), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[1].called[FAKE_SLOT_RESET]), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[1].called[FAKE_RESUME]), 1);
}

static void again_in_resume(struct kunit *test)
{
	struct again again = {
		.call = FAKE_RESUME,
		.times = ATOMIC_INIT(1),
		.then = PCI_ERS_RESULT_DISCONNECT,
	};
	struct fake_pe *fpe = again_pe(test, &again, 1);

	KUNIT_ASSERT_TRUE(test, fake_error(fpe));
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
			 "vote 0 disconnect\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered rebind\n");
}

/* An error later on is the first of its kind again. */
static void again_is_over(struct kunit *test)
{
	struct again again = {
		.call = FAKE_SLOT_RESET,
		.times = ATOMIC_INIT(1),
		.then = PCI_ERS_RESULT_NEED_RESET,
	};
	struct fake_pe *fpe = again_pe(test, &again, 1);

	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

/* Three rounds, and the driver is told that it is over. */
static void again_and_again(struct kunit *test)
{
	struct again again = {
		.call = FAKE_SLOT_RESET,
		.times = ATOMIC_INIT(100),
		.then = PCI_ERS_RESULT_NEED_RESET,
	};
	struct fake_pe *fpe = again_pe(test, &again, 1);

	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_SLOT_RESET]), 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_ERROR_DETECTED]), 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_PERM_FAILURE]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_RESUME]), 0);
}

/* Nor without an error of its own, because of another function. */
static void again_for_another(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_AWARE, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, drivers);

	atomic_set(&fpe->fn[1].fail_probes, 1);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_DEEP);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_ERROR_DETECTED]), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_SLOT_RESET]), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_RESUME]), 1);
}

/* One that was told that it is over begins anew with the next error of the others. */
static void again_after_failure(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, drivers);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_PERM_FAILURE]), 1);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_ERROR_DETECTED]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_MMIO_ENABLED]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_REMOVE]), 1);

	/* Its driver is another one, as it were, and is asked again. */
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_THAW);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_ERROR_DETECTED]), 2);
}

static struct kunit_case again_cases[] = {
	KUNIT_CASE(again_before_slot_reset),
	KUNIT_CASE(again_in_slot_reset),
	KUNIT_CASE(again_gives_up),
	KUNIT_CASE(again_one_gives_up),
	KUNIT_CASE(again_in_resume),
	KUNIT_CASE(again_is_over),
	KUNIT_CASE(again_and_again),
	KUNIT_CASE(again_for_another),
	KUNIT_CASE(again_after_failure),
	{}
};

struct kunit_suite again_suite = {
	.name = "pci_recovery_again",
	.test_cases = again_cases,
};
