// SPDX-License-Identifier: GPL-2.0
/*
 * PEs below each other: an episode above absorbs those below.
 */

#include <linux/delay.h>
#include <linux/pci.h>

#include "suites.h"

struct tree {
	struct fake_pe *parent;
	struct fake_pe *aware;
	struct fake_pe *unaware;
};

/* A bridge, so to speak, and what is behind it. */
static struct tree tree_of(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE, unaware = FAKE_UNAWARE;
	struct tree tree;

	tree.parent = suite_pe_below(test, NULL, 0, NULL);
	tree.aware = suite_pe_below(test, tree.parent, 1, &aware);
	tree.unaware = suite_pe_below(test, tree.parent, 1, &unaware);
	return tree;
}

/* For hooks: the one PE of the test that is above. */
static struct fake_pe *above;

/* ... and one that is below. */
static struct fake_pe *below;

static void tree_parent(struct kunit *test)
{
	struct tree tree = tree_of(test);

	suite_error(test, tree.parent);
	suite_expect_log(test, tree.parent,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "bind 0\n"
			 "resume 0\n"
			 "end recovered rebind\n");
	KUNIT_EXPECT_EQ(test, tree.aware->log.begins, 0);
	KUNIT_EXPECT_EQ(test, tree.unaware->log.begins, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->pe.state), PCI_PE_LIVE);
}

static void tree_child_alone(struct kunit *test)
{
	struct tree tree = tree_of(test);

	suite_error(test, tree.aware);
	KUNIT_EXPECT_EQ(test, tree.aware->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, tree.parent->log.begins, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.unaware->fn[0].called[FAKE_REMOVE]),
			0);
}

/* What is published at once is published for all. */
static void tree_publish(struct kunit *test)
{
	struct tree tree = tree_of(test);

	tree.parent->pe.auto_recover = false;
	suite_error(test, tree.parent);
	expect_channel(test, tree.aware->fn[0].pdev, pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.unaware->pe.state),
			PCI_PE_FROZEN);
}

/* In the child's reset the parent fails, and takes over. */
static void fail_above(struct fake_pe *fpe, enum fake_op op)
{
	int tries = 1000;

	/* Once: the child may be reset again while that is frozen. */
	if (op != FAKE_RESET || above->log.begins)
		return;
	fake_error(above);
	while (!READ_ONCE(fpe->pe.above) && tries--)
		msleep(20);
}

static void tree_child_gives_way(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	WRITE_ONCE(tree.aware->hook, fail_above);
	suite_error(test, tree.aware);
	suite_wait(test, tree.parent, 1);
	suite_expect_log(test, tree.aware,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "end absorbed reset\n");
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->fn[0].called[FAKE_RESUME]),
			1);
	expect_channel(test, tree.aware->fn[0].pdev, pci_channel_io_normal);
}

/* A driver that the child's episode has unbound is bound by the parent's. */
static void tree_unbound_is_bound(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	WRITE_ONCE(tree.unaware->hook, fail_above);
	suite_error(test, tree.unaware);
	suite_wait(test, tree.parent, 1);
	KUNIT_EXPECT_EQ(test, tree.unaware->log.outcome, PCI_RECOVERY_ABSORBED);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_NOT_NULL(test, tree.unaware->fn[0].pdev->dev.driver);
}

/* ... also where nobody else in the tree needs a reset. */
static void tree_unbound_needs_reset(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	tree.aware->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	WRITE_ONCE(tree.unaware->hook, fail_above);
	suite_error(test, tree.unaware);
	suite_wait(test, tree.parent, 1);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.parent->calls[FAKE_RESET]), 1);
	KUNIT_EXPECT_NOT_NULL(test, tree.unaware->fn[0].pdev->dev.driver);
}

/* The parent's episode does nothing: the child's error is not forgotten. */
static void tree_parent_refuses(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	tree.parent->refuse = true;
	WRITE_ONCE(tree.unaware->hook, fail_above);
	suite_error(test, tree.unaware);
	suite_wait(test, tree.parent, 1);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_REFUSED);
	/* It is frozen as long as its parent is. */
	suite_wait(test, tree.unaware, 2);
	fake_idle(tree.parent);
	tree.parent->refuse = false;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&tree.parent->pe), 0);
	fake_idle(tree.unaware);
	KUNIT_EXPECT_NOT_NULL(test, tree.unaware->fn[0].pdev->dev.driver);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.unaware->pe.state),
			PCI_PE_LIVE);
}

/* One child is pulled: its siblings are recovered. */
static void pull_below(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		fake_gone(below);
}

static void tree_child_is_pulled(struct kunit *test)
{
	struct tree tree = tree_of(test);

	below = tree.unaware;
	WRITE_ONCE(tree.parent->hook, pull_below);
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->fn[0].called[FAKE_RESUME]),
			1);
	expect_channel(test, tree.unaware->fn[0].pdev,
		       pci_channel_io_perm_failure);
}

/* ... and if that was before anyone was told, its driver is not asked. */
static void pull_before(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_FREEZE)
		fake_gone(below);
}

static void tree_child_is_pulled_before(struct kunit *test)
{
	struct tree tree = tree_of(test);

	below = tree.aware;
	WRITE_ONCE(tree.parent->hook, pull_before);
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&below->fn[0].called[FAKE_ERROR_DETECTED]),
			0);
	KUNIT_EXPECT_NOT_NULL(test, tree.unaware->fn[0].pdev->dev.driver);
}

/* What is behind a bridge that was given up is replaced. */
static void tree_bridge_is_renewed(struct kunit *test)
{
	struct tree tree = tree_of(test);

	tree.parent->pe.max_freezes = 0;
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_FAILED);
	fake_fn_del(&tree.aware->fn[0]);
	fake_fn_del(&tree.unaware->fn[0]);
	tree.parent->hw = PCI_PE_HW_NORMAL;
	tree.parent->pe.max_freezes = 5;
	KUNIT_EXPECT_EQ(test, fake_fn_add(&tree.aware->fn[0], FAKE_AWARE), 0);
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* A new error below when the parent's episode is about to end. */
static void fail_in_resume(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_RESUME && !above->log.ends)
		fake_error(fn->fpe);
}

static void tree_child_fails_in_parent(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	WRITE_ONCE(tree.aware->fn[0].hook, fail_in_resume);
	suite_error(test, tree.parent);
	suite_wait(test, tree.aware, 1);
	KUNIT_EXPECT_EQ(test, tree.parent->log.begins, 1);
	suite_expect_log(test, tree.aware,
			 "begin again\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
}

/* One that the parent's reset has dealt with needs no episode. */
static void fail_below(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		fake_error(below);
}

static void tree_reset_deals_with_child(struct kunit *test)
{
	struct tree tree = tree_of(test);

	below = tree.aware;
	WRITE_ONCE(tree.parent->hook, fail_below);
	suite_error(test, tree.parent);
	fake_idle(tree.aware);
	KUNIT_EXPECT_EQ(test, tree.aware->log.begins, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->pe.state), PCI_PE_LIVE);
	expect_channel(test, tree.aware->fn[0].pdev, pci_channel_io_normal);
}

/* Who asks for a child while its parent is recovered waits for that. */
struct operator {
	struct work_struct work;
	struct fake_pe *fpe;
	bool started;
	int ret;
};

static struct operator operator;

static void operator_work(struct work_struct *work)
{
	WRITE_ONCE(operator.started, true);
	operator.ret = pci_recovery_run(&operator.fpe->pe);
}

static void ask_below(struct fake_pe *fpe, enum fake_op op)
{
	int tries = 1000;

	if (op != FAKE_RESET)
		return;
	queue_work(system_unbound_wq, &operator.work);
	while (!READ_ONCE(operator.started) && tries--)
		msleep(20);
	msleep(100);
}

static void tree_operator_joins(struct kunit *test)
{
	struct tree tree = tree_of(test);

	INIT_WORK(&operator.work, operator_work);
	operator.fpe = tree.aware;
	operator.started = false;
	WRITE_ONCE(tree.parent->hook, ask_below);
	suite_error(test, tree.parent);
	flush_work(&operator.work);
	KUNIT_EXPECT_EQ(test, operator.ret, 0);
	fake_idle(tree.aware);
	KUNIT_EXPECT_EQ(test, tree.aware->log.begins, 0);
	KUNIT_EXPECT_EQ(test, tree.parent->log.begins, 1);
}

/* What is permanent below is so after the parent's episode, too. */
static void fail_above_in_freeze(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_FREEZE && atomic_read(&fpe->calls[FAKE_FREEZE]) == 1)
		fail_above(fpe, FAKE_RESET);
}

static void tree_permanent_child(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	WRITE_ONCE(tree.aware->hook, fail_above_in_freeze);
	fake_freeze(tree.aware);
	pci_recovery_report(&tree.aware->pe, PCI_REPORT_PERMANENT);
	suite_wait(test, tree.aware, 2);
	KUNIT_EXPECT_EQ(test, tree.aware->log.outcomes[PCI_RECOVERY_ABSORBED],
			1);
	KUNIT_EXPECT_EQ(test, tree.aware->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* Who asks for a child whose episode gives way waits for the parent's. */
static void ask_and_fail_above(struct fake_pe *fpe, enum fake_op op)
{
	/* If he comes late he has an episode of his own, after the parent's. */
	if (atomic_read(&fpe->calls[FAKE_RESET]) != 1)
		return;
	ask_below(fpe, op);
	fail_above(fpe, op);
}

static void tree_operator_follows(struct kunit *test)
{
	struct tree tree = tree_of(test);

	above = tree.parent;
	INIT_WORK(&operator.work, operator_work);
	operator.fpe = tree.aware;
	operator.started = false;
	WRITE_ONCE(tree.aware->hook, ask_and_fail_above);
	suite_error(test, tree.aware);
	flush_work(&operator.work);
	KUNIT_EXPECT_EQ(test, operator.ret, 0);
	KUNIT_EXPECT_EQ(test, tree.aware->log.outcomes[PCI_RECOVERY_ABSORBED],
			1);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
}

/* A child that was given up gets another chance, by a rebind. */
static void tree_failed_child(struct kunit *test)
{
	struct tree tree = tree_of(test);

	tree.aware->pe.max_freezes = 0;
	suite_error(test, tree.aware);
	KUNIT_EXPECT_EQ(test, tree.aware->log.outcome, PCI_RECOVERY_FAILED);
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->fn[0].called[FAKE_PROBE]),
			2);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->pe.state), PCI_PE_LIVE);
	expect_channel(test, tree.aware->fn[0].pdev, pci_channel_io_normal);
}

/* One function of several leaves: the others are recovered. */
static void leave_in_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		fake_fn_del(&below->fn[0]);
}

static void tree_child_leaves(struct kunit *test)
{
	struct tree tree = tree_of(test);

	below = tree.unaware;
	WRITE_ONCE(tree.parent->hook, leave_in_reset);
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->fn[0].called[FAKE_RESUME]),
			1);
}

/* A driver is unbound by hand below a bridge that is frozen. */
static void tree_unbind_below(struct kunit *test)
{
	struct tree tree = tree_of(test);

	tree.parent->pe.auto_recover = false;
	suite_error(test, tree.parent);
	device_release_driver(&tree.unaware->fn[0].pdev->dev);
	KUNIT_EXPECT_EQ(test, tree.parent->hw, PCI_PE_HW_MMIO);
}

static void tree_all_gone(struct kunit *test)
{
	struct tree tree = tree_of(test);

	pci_recovery_gone(&tree.parent->pe, true);
	KUNIT_EXPECT_EQ(test, atomic_read(&tree.aware->pe.state), PCI_PE_DEAD);
	expect_channel(test, tree.unaware->fn[0].pdev,
		       pci_channel_io_perm_failure);
	KUNIT_EXPECT_FALSE(test, fake_error(tree.aware));
	/* Something new in its place proves that the bridge is there, too. */
	fake_fn_del(&tree.aware->fn[0]);
	KUNIT_EXPECT_EQ(test, fake_fn_add(&tree.aware->fn[0], FAKE_AWARE), 0);
	suite_error(test, tree.parent);
	KUNIT_EXPECT_EQ(test, tree.parent->log.outcome, PCI_RECOVERY_RECOVERED);
}

static struct kunit_case tree_cases[] = {
	KUNIT_CASE(tree_parent),
	KUNIT_CASE(tree_child_alone),
	KUNIT_CASE(tree_publish),
	KUNIT_CASE(tree_child_gives_way),
	KUNIT_CASE(tree_unbound_is_bound),
	KUNIT_CASE(tree_unbound_needs_reset),
	KUNIT_CASE(tree_parent_refuses),
	KUNIT_CASE(tree_child_is_pulled),
	KUNIT_CASE(tree_child_is_pulled_before),
	KUNIT_CASE(tree_bridge_is_renewed),
	KUNIT_CASE(tree_child_fails_in_parent),
	KUNIT_CASE(tree_reset_deals_with_child),
	KUNIT_CASE(tree_operator_joins),
	KUNIT_CASE(tree_failed_child),
	KUNIT_CASE(tree_child_leaves),
	KUNIT_CASE(tree_unbind_below),
	KUNIT_CASE(tree_all_gone),
	KUNIT_CASE(tree_operator_follows),
	KUNIT_CASE(tree_permanent_child),
	{}
};

struct kunit_suite tree_suite = {
	.name = "pci_recovery_tree",
	.test_cases = tree_cases,
};
