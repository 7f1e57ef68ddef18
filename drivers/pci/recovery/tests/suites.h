/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites of the recovery core share.
 */
#ifndef _PCI_RECOVERY_SUITES_H
#define _PCI_RECOVERY_SUITES_H

#include <kunit/test.h>

#include "fake.h"

/* Far more than anything here takes, also under emulation. */
#define SUITE_MS	30000

/* suite.c */
struct fake_pe *suite_pe_below(struct kunit *test, struct fake_pe *parent,
			       unsigned int functions, const u16 *drivers);
struct fake_pe *suite_pe(struct kunit *test, u16 driver);
void suite_pe_put(struct kunit *test, struct fake_pe *fpe);
void suite_wait(struct kunit *test, struct fake_pe *fpe, unsigned int ends);
void suite_error(struct kunit *test, struct fake_pe *fpe);
void suite_expect_log(struct kunit *test, struct fake_pe *fpe,
		      const char *expected);
void suite_limits(struct kunit *test, unsigned int callback_ms,
		  unsigned int rescue_ms);

/* What everyone who looks at @pdev sees; not a number, to sparse. */
#define expect_channel(test, pdev, channel)				\
	KUNIT_EXPECT_EQ(test, (__force u32)(pdev)->error_state,		\
			(__force u32)(channel))

/* One for each file SUITE_kunit.c */
extern struct kunit_suite votes_suite;
extern struct kunit_suite ladder_suite;
extern struct kunit_suite budget_suite;
extern struct kunit_suite storm_suite;
extern struct kunit_suite tree_suite;
extern struct kunit_suite gone_suite;
extern struct kunit_suite restore_suite;
extern struct kunit_suite deadline_suite;
extern struct kunit_suite fault_suite;
extern struct kunit_suite sysfs_suite;
extern struct kunit_suite step_suite;
extern struct kunit_suite hand_suite;
extern struct kunit_suite platform_suite;
extern struct kunit_suite uevent_suite;
extern struct kunit_suite after_suite;
extern struct kunit_suite again_suite;

#endif /* _PCI_RECOVERY_SUITES_H */
