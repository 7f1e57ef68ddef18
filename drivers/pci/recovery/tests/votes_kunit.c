// SPDX-License-Identifier: GPL-2.0
/*
 * What the drivers vote, and what follows for the PE.
 *
 * The expectations are the table in Documentation/PCI/pci-recovery.rst, section
 * Votes, written down once more.
 */

#include <linux/pci.h>

#include "suites.h"

/* What a PE does then, from nothing to the worst. */
enum follows {
	NO_OPINION,
	GOES_ON,
	GIVES_UP,
	RESETS,
};

/* A vote and what it means, of error_detected and of what comes later. */
struct vote {
	const char *name;
	pci_ers_result_t vote;
	enum follows first;
	enum follows later;
};

#define NOT_A_VOTE ((__force pci_ers_result_t)99)
#define ZERO ((__force pci_ers_result_t)0)

static const struct vote votes[] = {
	{ "zero", ZERO, RESETS, RESETS },
	{ "none", PCI_ERS_RESULT_NONE, NO_OPINION, GOES_ON },
	{ "can_recover", PCI_ERS_RESULT_CAN_RECOVER, GOES_ON, GOES_ON },
	{ "need_reset", PCI_ERS_RESULT_NEED_RESET, RESETS, RESETS },
	{ "disconnect", PCI_ERS_RESULT_DISCONNECT, GIVES_UP, GIVES_UP },
	{ "recovered", PCI_ERS_RESULT_RECOVERED, GOES_ON, GOES_ON },
	{ "no_aer_driver", PCI_ERS_RESULT_NO_AER_DRIVER, NO_OPINION, GOES_ON },
	{ "not a vote", NOT_A_VOTE, RESETS, RESETS },
};

static void vote_desc(const struct vote *vote, char *desc)
{
	strscpy(desc, vote->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vote, votes, vote_desc);

static unsigned int called(struct fake_fn *fn, enum fake_call call)
{
	return atomic_read(&fn->called[call]);
}

/* What became of a function, by the callbacks it has seen. */
static void expect_fate(struct kunit *test, struct fake_fn *fn, bool kept,
			enum follows follows)
{
	bool failed = kept && follows == GIVES_UP;
	bool reset = follows == RESETS || follows == NO_OPINION;

	KUNIT_EXPECT_EQ(test, called(fn, FAKE_PERM_FAILURE), failed);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_RESUME), kept && !failed);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_REMOVE), !kept);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_PROBE), kept ? 1 : 2);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_SLOT_RESET), kept && reset);
	KUNIT_EXPECT_EQ(test, atomic_read(&fn->fpe->calls[FAKE_RESET]), reset);
}

static void votes_error_detected(struct kunit *test)
{
	const struct vote *vote = test->param_value;
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];

	fn->vote[FAKE_ERROR_DETECTED] = vote->vote;
	suite_error(test, fpe);
	/* A driver without an opinion is rebound when the PE is reset. */
	expect_fate(test, fn, vote->first != NO_OPINION, vote->first);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_MMIO_ENABLED),
			vote->first == GOES_ON);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, vote->first == GIVES_UP ?
			PCI_RECOVERY_FAILED : PCI_RECOVERY_RECOVERED);
}

static void votes_mmio_enabled(struct kunit *test)
{
	const struct vote *vote = test->param_value;
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];

	fn->vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fn->vote[FAKE_MMIO_ENABLED] = vote->vote;
	suite_error(test, fpe);
	expect_fate(test, fn, true, vote->later);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_THAW_DMA]),
			vote->later == GOES_ON);
}

/* NEED_RESET: once deeper, then a rebind; DISCONNECT: a rebind. */
static void votes_slot_reset(struct kunit *test)
{
	const struct vote *vote = test->param_value;
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];
	bool deeper = vote->later == RESETS;
	bool rebound = vote->later != GOES_ON;

	fn->vote[FAKE_SLOT_RESET] = vote->vote;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_SLOT_RESET), deeper ? 2 : 1);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_REMOVE), rebound);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_RESUME), !rebound);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_DEEP_RESET]),
			deeper ? 2 : 0);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Every vote of one function with every vote of another, in both orders. */
static void votes_merge(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_AWARE };
	const struct vote *a = test->param_value, *b;
	enum follows merged;
	struct fake_pe *fpe;

	for (b = votes; b < votes + ARRAY_SIZE(votes); b++) {
		fpe = suite_pe_below(test, NULL, 2, both);
		fpe->fn[0].vote[FAKE_ERROR_DETECTED] = a->vote;
		fpe->fn[1].vote[FAKE_ERROR_DETECTED] = b->vote;
		suite_error(test, fpe);

		merged = max(a->first, b->first);
		/* Those who give up do so for themselves. */
		if (merged == GIVES_UP && a->first != b->first)
			merged = min(a->first, b->first);
		KUNIT_EXPECT_EQ_MSG(test,
				    atomic_read(&fpe->calls[FAKE_RESET]),
				    merged == RESETS || merged == NO_OPINION,
				    "with %s", b->name);
		KUNIT_EXPECT_EQ_MSG(test, called(&fpe->fn[1], FAKE_PERM_FAILURE),
				    b->first == GIVES_UP && merged != RESETS,
				    "with %s", b->name);
		KUNIT_EXPECT_EQ_MSG(test, called(&fpe->fn[0], FAKE_PERM_FAILURE),
				    a->first == GIVES_UP && merged != RESETS,
				    "with %s", b->name);
		suite_pe_put(test, fpe);
	}
}

static void driver_desc(const u16 *driver, char *desc)
{
	strscpy(desc, fake_driver_name(*driver), KUNIT_PARAM_DESC_SIZE);
}

static const u16 drivers[FAKE_DRIVERS] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
};

KUNIT_ARRAY_PARAM(driver, drivers, driver_desc);

/* Any set of callbacks: those that are there are called, once each. */
static void votes_missing_reset(struct kunit *test)
{
	const u16 *driver = test->param_value;
	struct fake_pe *fpe = suite_pe(test, *driver);
	struct fake_fn *fn = &fpe->fn[0];
	bool aware = *driver & FAKE_HAS_ERROR_DETECTED;

	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_ERROR_DETECTED), aware);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_SLOT_RESET),
			aware && (*driver & FAKE_HAS_SLOT_RESET));
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_RESUME),
			aware && (*driver & FAKE_HAS_RESUME));
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_REMOVE), !aware);
	KUNIT_EXPECT_EQ(test, fpe->log.rung,
			aware ? PCI_RUNG_RESET : PCI_RUNG_REBIND);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static void votes_missing_thaw(struct kunit *test)
{
	const u16 *driver = test->param_value;
	struct fake_pe *fpe = suite_pe(test, *driver);
	struct fake_fn *fn = &fpe->fn[0];
	bool aware = *driver & FAKE_HAS_ERROR_DETECTED;

	fn->vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_MMIO_ENABLED),
			aware && (*driver & FAKE_HAS_MMIO_ENABLED));
	KUNIT_EXPECT_EQ(test, called(fn, FAKE_RESUME),
			aware && (*driver & FAKE_HAS_RESUME));
	KUNIT_EXPECT_EQ(test, fpe->log.rung,
			aware ? PCI_RUNG_THAW : PCI_RUNG_REBIND);
}

/* Aware, unaware and driverless in one PE that needs a reset. */
static void votes_mixed_reset(struct kunit *test)
{
	static const u16 mixed[] = { FAKE_AWARE, FAKE_UNAWARE, FAKE_DRIVERLESS };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 3, mixed);

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "revive\n"
			 "unbind 1\n"
			 "reset\n"
			 "restore 1\n"
			 "restore 2\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "bind 1\n"
			 "resume 0\n"
			 "end recovered rebind\n");
}

/* ... and where the aware one needs none. */
static void votes_mixed_thaw(struct kunit *test)
{
	static const u16 mixed[] = { FAKE_DRIVERLESS, FAKE_UNAWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 3, mixed);

	fpe->fn[2].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 2\n"
			 "vote 2 can_recover\n"
			 "thaw_mmio\n"
			 "mmio_enabled 2\n"
			 "vote 2 recovered\n"
			 "thaw_dma\n"
			 "resume 2\n"
			 "end recovered thaw\n");
	KUNIT_EXPECT_EQ(test, called(&fpe->fn[1], FAKE_REMOVE), 0);
}

/* One gives up, another needs a reset: it is reset with the others. */
static void votes_reset_outvotes(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, called(&fpe->fn[0], FAKE_SLOT_RESET), 1);
	KUNIT_EXPECT_EQ(test, called(&fpe->fn[0], FAKE_RESUME), 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static struct kunit_case votes_cases[] = {
	KUNIT_CASE_PARAM(votes_error_detected, vote_gen_params),
	KUNIT_CASE_PARAM(votes_mmio_enabled, vote_gen_params),
	KUNIT_CASE_PARAM(votes_slot_reset, vote_gen_params),
	KUNIT_CASE_PARAM(votes_merge, vote_gen_params),
	KUNIT_CASE_PARAM(votes_missing_reset, driver_gen_params),
	KUNIT_CASE_PARAM(votes_missing_thaw, driver_gen_params),
	KUNIT_CASE(votes_mixed_reset),
	KUNIT_CASE(votes_mixed_thaw),
	KUNIT_CASE(votes_reset_outvotes),
	{}
};

struct kunit_suite votes_suite = {
	.name = "pci_recovery_votes",
	.test_cases = votes_cases,
};
