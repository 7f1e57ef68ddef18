/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites of the recovery core share.
 */
#ifndef _PCI_RECOVERY_SUITES_H
#define _PCI_RECOVERY_SUITES_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/pci-gate.h>

#include "fake.h"

/* Far more than anything here takes, also under emulation. */
#define SUITE_MS	30000
#define SUITE_JIFFIES	msecs_to_jiffies(SUITE_MS)

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

/* suite_task.c: somebody else, who is inside or waits */

/**
 * struct suite_task - another thread
 * @run: what it does; 0 or what it found
 * @gate: for @run
 * @ret: what @run returned
 * @begun: completed by @run, or by the test, as they agree
 * @go: the same
 * @done: @run has returned
 * @took: how long from @began to @run's end, in ms
 * @began: set by the test
 * @cpu: the same: where it runs, if that matters
 */
struct suite_task {
	long (*run)(struct suite_task *task);
	struct pci_gate *gate;
	long ret;
	struct completion begun;
	struct completion go;
	struct completion done;
	unsigned int took;
	ktime_t began;
	unsigned int cpu;
};

struct pci_gate *suite_gate(struct kunit *test, struct fake_fn *fn);
void suite_start(struct kunit *test, struct suite_task *task,
		 struct pci_gate *gate, long (*run)(struct suite_task *task));
void suite_end(struct kunit *test, struct suite_task *task);
void suite_no_grace(struct kunit *test, struct suite_task *task);
void suite_grace(struct kunit *test, struct suite_task *task);

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
extern struct kunit_suite tree_late_suite;
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
extern struct kunit_suite gate_suite;
extern struct kunit_suite gate_drain_suite;
extern struct kunit_suite gate_count_suite;
extern struct kunit_suite gate_wait_suite;
extern struct kunit_suite gate_cancel_suite;
extern struct kunit_suite gate_pe_suite;
extern struct kunit_suite gate_unbind_suite;
extern struct kunit_suite health_suite;
extern struct kunit_suite request_suite;
extern struct kunit_suite gate_long_suite;
extern struct kunit_suite gate_fault_suite;
extern struct kunit_suite gate_file_suite;
extern struct kunit_suite gate_open_suite;
extern struct kunit_suite gate_poll_suite;
extern struct kunit_suite gate_map_suite;
extern struct kunit_suite gate_map_end_suite;

#endif /* _PCI_RECOVERY_SUITES_H */
