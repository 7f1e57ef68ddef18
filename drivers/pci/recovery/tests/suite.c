// SPDX-License-Identifier: GPL-2.0
/*
 * What the KUnit suites of the recovery core share, and their list.
 */

#include <linux/module.h>
#include <linux/pci.h>

#include "suites.h"

static void pe_put(void *fpe)
{
	fake_pe_put(fpe);
}

/* A PE below @parent with functions for these drivers, until the test ends. */
struct fake_pe *suite_pe_below(struct kunit *test, struct fake_pe *parent,
			       unsigned int functions, const u16 *drivers)
{
	struct fake_pe *fpe;
	unsigned int i;

	if (fake_is_off())
		kunit_skip(test, "booted with pci_recovery=off");
	fpe = fake_pe_get(parent);
	KUNIT_ASSERT_NOT_NULL(test, fpe);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pe_put, fpe), 0);
	for (i = 0; i < functions; i++)
		KUNIT_ASSERT_EQ(test, fake_fn_add(&fpe->fn[i], drivers[i]), 0);
	return fpe;
}

/* Before the test ends. */
void suite_pe_put(struct kunit *test, struct fake_pe *fpe)
{
	kunit_release_action(test, pe_put, fpe);
}

/* A PE with one function. */
struct fake_pe *suite_pe(struct kunit *test, u16 driver)
{
	return suite_pe_below(test, NULL, 1, &driver);
}

/* Until @ends episodes of @fpe have ended since it was taken. */
void suite_wait(struct kunit *test, struct fake_pe *fpe, unsigned int ends)
{
	KUNIT_ASSERT_TRUE_MSG(test, fake_wait(fpe, ends, SUITE_MS),
			      "%u episodes instead of %u, the last one:\n%s",
			      fpe->log.ends, ends, fpe->log.text);
}

/* An error, and its episode. */
void suite_error(struct kunit *test, struct fake_pe *fpe)
{
	unsigned int ends = fpe->log.ends;

	KUNIT_ASSERT_TRUE(test, fake_error(fpe));
	suite_wait(test, fpe, ends + 1);
}

/* Everything that happened to @fpe since it was taken, or looked at last. */
void suite_expect_log(struct kunit *test, struct fake_pe *fpe,
		      const char *expected)
{
	KUNIT_EXPECT_STREQ(test, fpe->log.text, expected);
	fake_log_clear(fpe);
}

static void limits_reset(void *unused)
{
	fake_limits(10000, 1000);
}

/* Other deadlines than usual, until the test ends. */
void suite_limits(struct kunit *test, unsigned int callback_ms,
		  unsigned int rescue_ms)
{
	fake_limits(callback_ms, rescue_ms);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, limits_reset, NULL), 0);
}

kunit_test_suites(&votes_suite, &ladder_suite, &budget_suite, &storm_suite,
		  &tree_suite, &gone_suite, &restore_suite, &deadline_suite,
		  &fault_suite, &sysfs_suite, &step_suite, &hand_suite,
		  &platform_suite, &uevent_suite, &after_suite, &again_suite,
		  &gate_suite, &gate_drain_suite, &gate_count_suite,
		  &gate_wait_suite, &gate_cancel_suite, &gate_pe_suite,
		  &gate_unbind_suite, &health_suite, &request_suite,
		  &gate_long_suite, &gate_fault_suite, &gate_file_suite,
		  &gate_open_suite, &gate_poll_suite, &gate_map_suite,
		  &gate_map_end_suite, &tree_late_suite);

MODULE_DESCRIPTION("KUnit tests for PCI error recovery");
MODULE_LICENSE("GPL");
