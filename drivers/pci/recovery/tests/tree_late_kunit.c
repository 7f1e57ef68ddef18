// SPDX-License-Identifier: GPL-2.0
/*
 * An error of a PE above, whose worker is late, when an episode below is about to
 * end: what is below is not live.  And one whose worker is early, when a PE below is
 * about to be put elsewhere.
 */

#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/pci.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "suites.h"
#include "../recovery.h"

static struct fake_pe *above, *below;
static struct pci_gate *gate;
static enum pci_pe_state state_in_resume;

static void let_go(void *unused)
{
	enable_work(&above->pe.work);
}

/* After the last that the episode below does before it looks, and ends. */
static void fail_above(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_SLOT_RESET || step == PCI_STEP_BIND)
		fake_error(above);
}

static void look_in_resume(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_RESUME)
		state_in_resume = pci_pe_state(&below->pe);
}

/* Whose worker does not run until let_go(). */
static void late_above(struct kunit *test, u16 driver)
{
	above = suite_pe_below(test, NULL, 0, NULL);
	below = suite_pe_below(test, above, 1, &driver);
	gate = suite_gate(test, &below->fn[0]);
	state_in_resume = PCI_PE_NR_STATES;
	disable_work(&above->pe.work);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, let_go, NULL), 0);
	WRITE_ONCE(below->step_hook, fail_above);
	WRITE_ONCE(below->fn[0].hook, look_in_resume);
}

static void expect_frozen(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pci_pe_state(&below->pe), PCI_PE_FROZEN);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_FROZEN);
	expect_channel(test, below->fn[0].pdev, pci_channel_io_frozen);
}

/* It was reported, and that is all. */
static void tree_late_begin(struct kunit *test)
{
	late_above(test, FAKE_AWARE);
	suite_error(test, below);
	KUNIT_EXPECT_EQ(test, below->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, state_in_resume, PCI_PE_FROZEN);
	expect_frozen(test);

	kunit_release_action(test, let_go, NULL);
	suite_error(test, above);
	KUNIT_EXPECT_EQ(test, above->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, state_in_resume, PCI_PE_LIVE);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

static struct wait_bit_queue_entry waiter;
static bool tried, claimed;

/*
 * The PE below has just become live, of which the one who ended its episode is
 * telling those who wait: let the episode above begin before he goes on.  On another
 * CPU, as this one takes no interrupts.
 */
static int become_live(struct wait_queue_entry *entry, unsigned int mode,
		       int sync, void *key)
{
	ktime_t end = ktime_add_ms(ktime_get(), 5000);
	struct wait_bit_key *bit = key;
	unsigned int cpu;

	if ((void *)bit->flags != &below->pe.state || tried ||
	    pci_pe_state(&below->pe) != PCI_PE_LIVE)
		return 0;
	tried = true;
	enable_work(&above->pe.work);
	cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	queue_work_on(cpu, system_highpri_wq, &above->pe.work);
	while (!READ_ONCE(below->pe.above) && ktime_before(ktime_get(), end))
		cpu_relax();
	claimed = READ_ONCE(below->pe.above);
	return 0;
}

static void stop_waiting(void *unused)
{
	remove_wait_queue(__var_waitqueue(&below->pe.state), &waiter.wq_entry);
}

static int state_in_freeze;

/* The first that the episode above does. */
static void look_above(struct fake_pe *fpe, enum fake_op op)
{
	if (state_in_freeze < 0)
		state_in_freeze = pci_pe_state(&below->pe);
}

/* Its episode begins after the last look of the one below for such. */
static void claim_late(struct kunit *test, u16 driver)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "somebody spins");
	late_above(test, driver);
	tried = false;
	claimed = false;
	state_in_freeze = -1;
	WRITE_ONCE(above->hook, look_above);
	init_wait_var_entry(&waiter, &below->pe.state, 0);
	waiter.wq_entry.func = become_live;
	add_wait_queue(__var_waitqueue(&below->pe.state), &waiter.wq_entry);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_waiting, NULL),
			0);
	suite_error(test, below);
	/* That has ended it. */
	kunit_remove_action(test, let_go, NULL);
	KUNIT_EXPECT_TRUE(test, claimed);
	KUNIT_EXPECT_EQ(test, below->log.outcome, PCI_RECOVERY_ABSORBED);
	suite_wait(test, above, 1);
	KUNIT_EXPECT_EQ(test, state_in_freeze, PCI_PE_FROZEN);
	KUNIT_EXPECT_EQ(test, above->log.outcome, PCI_RECOVERY_RECOVERED);
}

static void tree_late_claim(struct kunit *test)
{
	claim_late(test, FAKE_AWARE);
	KUNIT_EXPECT_EQ(test, atomic_read(&below->fn[0].called[FAKE_RESUME]), 1);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

/* With nobody to be told to resume, who would be kept from it. */
static void tree_late_claim_rebind(struct kunit *test)
{
	claim_late(test, FAKE_UNAWARE);
	KUNIT_EXPECT_NOT_NULL(test, below->fn[0].pdev->dev.driver);
}

static void move_below(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_ERROR_DETECTED)
		pci_pe_set_parent(&below->pe, NULL);
}

/*
 * An episode above begins when it was seen that a PE is unused, which is put
 * elsewhere then.
 */
static void tree_late_move(struct kunit *test)
{
	u16 driver = FAKE_AWARE;

	above = suite_pe_below(test, NULL, 1, &driver);
	below = suite_pe_below(test, above, 0, NULL);
	WRITE_ONCE(above->fn[0].hook, move_below);
	suite_error(test, above);
	KUNIT_EXPECT_EQ(test, above->log.outcome, PCI_RECOVERY_RECOVERED);
	fake_idle(below);
	KUNIT_EXPECT_NULL(test, READ_ONCE(below->pe.above));
	KUNIT_EXPECT_EQ(test, READ_ONCE(below->pe.flags), 0);

	/* So there is nothing that one of its own would wait for. */
	KUNIT_ASSERT_EQ(test, fake_fn_add(&below->fn[0], FAKE_AWARE), 0);
	suite_error(test, below);
	KUNIT_EXPECT_EQ(test, below->log.outcome, PCI_RECOVERY_RECOVERED);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(tree_late_begin),
	KUNIT_CASE(tree_late_claim),
	KUNIT_CASE(tree_late_claim_rebind),
	KUNIT_CASE(tree_late_move),
	{}
};

struct kunit_suite tree_late_suite = {
	.name = "pci_recovery_tree_late",
	.test_cases = cases,
};
