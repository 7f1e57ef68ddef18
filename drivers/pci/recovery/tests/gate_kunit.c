// SPDX-License-Identifier: GPL-2.0
/*
 * The state of a gate, whom it lets in, and its life.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/prandom.h>

#include "suites.h"
#include "../recovery.h"

static struct pci_gate *a_gate(struct kunit *test)
{
	return suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
}

/* Every state, every move: from, move, to. */
static const struct table_row {
	enum pci_gate_state from;
	enum pci_gate_move move;
	enum pci_gate_state to;
} table[] = {
	{ PCI_GATE_LIVE, PCI_GATE_FREEZE, PCI_GATE_FROZEN },
	{ PCI_GATE_LIVE, PCI_GATE_THAW, PCI_GATE_LIVE },
	{ PCI_GATE_LIVE, PCI_GATE_CLOSE, PCI_GATE_CLOSING },
	{ PCI_GATE_LIVE, PCI_GATE_KILL, PCI_GATE_DEAD },
	{ PCI_GATE_FROZEN, PCI_GATE_FREEZE, PCI_GATE_FROZEN },
	{ PCI_GATE_FROZEN, PCI_GATE_THAW, PCI_GATE_LIVE },
	{ PCI_GATE_FROZEN, PCI_GATE_CLOSE, PCI_GATE_CLOSING },
	{ PCI_GATE_FROZEN, PCI_GATE_KILL, PCI_GATE_DEAD },
	{ PCI_GATE_CLOSING, PCI_GATE_FREEZE, PCI_GATE_CLOSING },
	{ PCI_GATE_CLOSING, PCI_GATE_THAW, PCI_GATE_CLOSING },
	{ PCI_GATE_CLOSING, PCI_GATE_CLOSE, PCI_GATE_CLOSING },
	{ PCI_GATE_CLOSING, PCI_GATE_KILL, PCI_GATE_DEAD },
	{ PCI_GATE_DEAD, PCI_GATE_FREEZE, PCI_GATE_DEAD },
	{ PCI_GATE_DEAD, PCI_GATE_THAW, PCI_GATE_DEAD },
	{ PCI_GATE_DEAD, PCI_GATE_CLOSE, PCI_GATE_DEAD },
	{ PCI_GATE_DEAD, PCI_GATE_KILL, PCI_GATE_DEAD },
};

static_assert(ARRAY_SIZE(table) == PCI_GATE_NR_STATES * PCI_GATE_NR_MOVES);

static void gate_table(struct kunit *test)
{
	const struct table_row *row;

	for (row = table; row < table + ARRAY_SIZE(table); row++)
		KUNIT_EXPECT_EQ_MSG(test, pci_gate_next(row->from, row->move),
				    row->to, "state %d, move %d", row->from,
				    row->move);
}

/* All that can be tried without sleeping. */
static void expect_entry(struct kunit *test, struct pci_gate *gate, int ret)
{
	bool atomic;

	KUNIT_EXPECT_EQ(test, pci_gate_error(gate), ret);
	atomic = pci_gate_enter_atomic(gate);
	if (atomic)
		pci_gate_exit_atomic(gate);
	KUNIT_EXPECT_EQ(test, atomic, !ret);

	KUNIT_EXPECT_EQ(test, pci_gate_tryenter(gate), ret);
	if (!ret)
		pci_gate_exit(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_hold(gate), ret);
	if (!ret)
		pci_gate_unhold(gate);
	if (ret == -EAGAIN)
		return;
	KUNIT_EXPECT_EQ(test, pci_gate_enter(gate), ret);
	if (!ret)
		pci_gate_exit(gate);
}

static void gate_live(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
	expect_entry(test, gate, 0);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	expect_entry(test, gate, 0);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), -EAGAIN);
	expect_entry(test, gate, 0);
}

/* Twice each, and a thaw of what was not drained. */
static void gate_freeze_thaw(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	u32 epoch = pci_gate_epoch(gate);
	int i;

	for (i = 0; i < 3; i++) {
		pci_gate_freeze(gate);
		expect_entry(test, gate, -EAGAIN);
		pci_gate_freeze(gate);
		expect_entry(test, gate, -EAGAIN);
		KUNIT_EXPECT_EQ(test, pci_gate_epoch(gate), epoch + i);
		if (i)
			KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		if (i > 1)
			KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		expect_entry(test, gate, -EAGAIN);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
		expect_entry(test, gate, 0);
	}
	KUNIT_EXPECT_EQ(test, pci_gate_epoch(gate), epoch + 3);
}

/* Dead, by each way there: nothing leads back. */
static void gate_kill(struct kunit *test)
{
	int way;

	for (way = 0; way < 4; way++) {
		struct pci_gate *gate = a_gate(test);

		if (way & 1)
			pci_gate_freeze(gate);
		if (way & 2) {
			pci_gate_freeze(gate);
			KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		}
		pci_gate_kill(gate);
		expect_entry(test, gate, -ENODEV);
		pci_gate_kill(gate);
		pci_gate_freeze(gate);
		KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), -ENODEV);
		KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
		KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
		expect_entry(test, gate, -ENODEV);
	}
}

static long freeze_and_thaw(struct suite_task *task)
{
	complete(&task->begun);
	while (!completion_done(&task->go)) {
		pci_gate_freeze(task->gate);
		pci_gate_thaw(task->gate);
		cond_resched();
	}
	return 0;
}

/* Killed in the middle of other moves: none of them brings it back. */
static void gate_kill_race(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_gate *gate;
	struct suite_task task;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, 3);
	for (i = 0; i < 50; i++) {
		gate = suite_gate(test, &fpe->fn[0]);
		suite_start(test, &task, gate, freeze_and_thaw);
		udelay(prandom_u32_state(&rnd) % 100);
		pci_gate_kill(gate);
		usleep_range(20, 40);
		KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
		complete(&task.go);
		suite_end(test, &task);
		KUNIT_ASSERT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
		pci_gate_close(gate);
	}
}

/* A section inside a section may fail, or may not. */
static void gate_nested(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	KUNIT_ASSERT_EQ(test, pci_gate_tryenter(gate), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_tryenter(gate), 0);
	pci_gate_exit(gate);
	pci_gate_kill(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_tryenter(gate), -ENODEV);
	KUNIT_EXPECT_FALSE(test, pci_gate_enter_atomic(gate));
	pci_gate_enter_nested(gate);
	pci_gate_hold_nested(gate);
	pci_gate_exit(gate);
	pci_gate_exit(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_hold(gate), -ENODEV);
	pci_gate_hold_nested(gate);
	pci_gate_unhold(gate);
	KUNIT_EXPECT_FALSE(test, pci_gate_drained(gate));
	pci_gate_unhold(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
}

static int use_guard(struct pci_gate *gate)
{
	scoped_cond_guard(pci_gate_try, return -ENODEV, gate) {
		guard(pci_gate)(gate);
		return 1;
	}
	return 0;
}

static int use_class(struct pci_gate *gate)
{
	CLASS(pci_gate_atomic, in)(gate);

	return in ? 1 : -ENODEV;
}

static void gate_guards(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	KUNIT_EXPECT_EQ(test, use_guard(gate), 1);
	KUNIT_EXPECT_EQ(test, use_class(gate), 1);
	pci_gate_kill(gate);
	KUNIT_EXPECT_EQ(test, use_guard(gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, use_class(gate), -ENODEV);
	/* All of them are out again. */
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
}

/* There is one, while there is a driver, and its memory as long as it is known. */
static void gate_one(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_dev *pdev = fpe->fn[0].pdev;
	struct pci_gate *gate = suite_gate(test, &fpe->fn[0]);
	struct pci_gate *found;

	KUNIT_EXPECT_PTR_EQ(test, suite_gate(test, &fpe->fn[0]), gate);
	found = pci_gate_find(pdev);
	KUNIT_EXPECT_PTR_EQ(test, found, gate);
	pci_gate_put(found);

	device_release_driver(&pdev->dev);
	KUNIT_EXPECT_NULL(test, pci_gate_find(pdev));
	expect_entry(test, gate, -ENODEV);
	scoped_guard(device, &pdev->dev)
		KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_gate_create(pdev)), -ENODEV);

	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	found = suite_gate(test, &fpe->fn[0]);
	KUNIT_EXPECT_PTR_NE(test, found, gate);
	expect_entry(test, found, 0);
	expect_entry(test, gate, -ENODEV);
}

/* One that is made after an error knows of it. */
static void gate_made_late(struct kunit *test)
{
	static const u16 aware[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, aware);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	WRITE_ONCE(pdev->error_state, pci_channel_io_frozen);
	expect_entry(test, suite_gate(test, &fpe->fn[0]), -EAGAIN);
	WRITE_ONCE(pdev->error_state, pci_channel_io_normal);

	pdev = fpe->fn[1].pdev;
	WRITE_ONCE(pdev->error_state, pci_channel_io_perm_failure);
	expect_entry(test, suite_gate(test, &fpe->fn[1]), -ENODEV);
	WRITE_ONCE(pdev->error_state, pci_channel_io_normal);
}

/* What a gate costs; there is nothing of it in struct pci_dev. */
static void gate_size(struct kunit *test)
{
	size_t size = sizeof(struct pci_gate);

#ifdef CONFIG_DEBUG_LOCK_ALLOC
	kunit_skip(test, "locks are larger than usual");
#endif
	KUNIT_EXPECT_LE(test, size, 240);
}

static struct kunit_case gate_cases[] = {
	KUNIT_CASE(gate_table),
	KUNIT_CASE(gate_live),
	KUNIT_CASE(gate_freeze_thaw),
	KUNIT_CASE(gate_kill),
	KUNIT_CASE(gate_kill_race),
	KUNIT_CASE(gate_nested),
	KUNIT_CASE(gate_guards),
	KUNIT_CASE(gate_one),
	KUNIT_CASE(gate_made_late),
	KUNIT_CASE(gate_size),
	{}
};

struct kunit_suite gate_suite = {
	.name = "pci_gate",
	.test_cases = gate_cases,
};
