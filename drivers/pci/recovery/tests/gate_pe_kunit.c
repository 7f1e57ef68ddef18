// SPDX-License-Identifier: GPL-2.0
/*
 * What a recovery, and the driver core, do to gates.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/pci.h>

#include "suites.h"
#include "../recovery.h"

/* What the driver's callbacks see. */
static struct pci_gate *gate;
static enum pci_gate_state seen[FAKE_NR_CALLS];
static bool drained[FAKE_NR_CALLS];
static bool drained_in_reset;
static bool drained_in_thaw;

static void look(struct fake_fn *fn, enum fake_call call)
{
	seen[call] = pci_gate_state(gate);
	drained[call] = pci_gate_drained(gate);
}

/* The worker waits in its first step until the reporter has seen what he did. */
static DECLARE_COMPLETION(looked);

static void look_in_op(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_FREEZE)
		wait_for_completion_timeout(&looked, SUITE_JIFFIES);
	if (op == FAKE_RESET || op == FAKE_DEEP_RESET)
		drained_in_reset = pci_gate_drained(gate);
	if (op == FAKE_THAW_MMIO)
		drained_in_thaw = pci_gate_drained(gate);
}

/* What a report has done to the gate when it returns, with interrupts off. */
static enum pci_gate_state state_after_report(struct fake_pe *fpe)
{
	enum pci_gate_state state;

	WRITE_ONCE(fpe->hook, look_in_op);
	reinit_completion(&looked);
	scoped_guard(irqsave) {
		fake_error(fpe);
		state = pci_gate_state(gate);
	}
	complete_all(&looked);
	return state;
}

static struct fake_pe *a_pe(struct kunit *test, u16 driver)
{
	struct fake_pe *fpe = suite_pe(test, driver);

	gate = suite_gate(test, &fpe->fn[0]);
	memset(seen, 0xff, sizeof(seen));
	memset(drained, 0, sizeof(drained));
	drained_in_reset = false;
	drained_in_thaw = false;
	complete_all(&looked);
	WRITE_ONCE(fpe->fn[0].hook, look);
	WRITE_ONCE(fpe->hook, look_in_op);
	return fpe;
}

/* Frozen at once, in the context of the report; drained for the reset. */
static void pe_reset(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	KUNIT_EXPECT_EQ(test, state_after_report(fpe), PCI_GATE_FROZEN);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, seen[FAKE_ERROR_DETECTED], PCI_GATE_FROZEN);
	KUNIT_EXPECT_TRUE(test, drained_in_reset);
	KUNIT_EXPECT_EQ(test, seen[FAKE_SLOT_RESET], PCI_GATE_FROZEN);
	KUNIT_EXPECT_TRUE(test, drained[FAKE_SLOT_RESET]);
	KUNIT_EXPECT_EQ(test, seen[FAKE_RESUME], PCI_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, pci_gate_epoch(gate), 1);
}

/* A thaw without a reset: nobody is inside when MMIO is thawed. */
static void pe_thaw(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_THAW);
	KUNIT_EXPECT_EQ(test, seen[FAKE_MMIO_ENABLED], PCI_GATE_FROZEN);
	KUNIT_EXPECT_TRUE(test, drained[FAKE_MMIO_ENABLED]);
	KUNIT_EXPECT_EQ(test, seen[FAKE_RESUME], PCI_GATE_LIVE);
}

/* So it is if that is for another's remove(), or to read the error's log. */
static void pe_revive(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_AWARE, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, drivers);

	gate = suite_gate(test, &fpe->fn[0]);
	drained_in_thaw = false;
	complete_all(&looked);
	WRITE_ONCE(fpe->hook, look_in_op);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_TRUE(test, drained_in_thaw);
}

/* All the steps: with a gate one more, once. */
static void pe_steps(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_RESET, 0, 1, -EIO);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "drain\n"
			 "reset=-5\n"
			 "deep_reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered deep\n");
}

/* By hand, of a device that works. */
static void pe_by_hand(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, seen[FAKE_ERROR_DETECTED], PCI_GATE_FROZEN);
	KUNIT_EXPECT_TRUE(test, drained_in_reset);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

static void pe_failed(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, seen[FAKE_PERM_FAILURE], PCI_GATE_DEAD);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
	/* What an operator gets is another one. */
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
	KUNIT_EXPECT_EQ(test, pci_gate_state(suite_gate(test, &fpe->fn[0])),
			PCI_GATE_LIVE);
}

/* One that gives up, and its neighbour that does not. */
static void pe_failed_one(struct kunit *test)
{
	static const u16 aware[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, aware);
	struct pci_gate *one = suite_gate(test, &fpe->fn[0]);
	struct pci_gate *two = suite_gate(test, &fpe->fn[1]);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, pci_gate_state(one), PCI_GATE_DEAD);
	KUNIT_EXPECT_EQ(test, pci_gate_state(two), PCI_GATE_LIVE);
	/* It does not come back by being asked: the next error rebinds it. */
	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_NEED_RESET;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_PROBE]), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[1].called[FAKE_PROBE]), 1);
	KUNIT_EXPECT_EQ(test, pci_gate_state(suite_gate(test, &fpe->fn[0])),
			PCI_GATE_LIVE);
}

/* A gate that is made in the middle of it is live, but not during a reset. */
static void make_late(struct fake_fn *fn, enum fake_call call)
{
	look(fn, call);
	if (call != FAKE_SLOT_RESET)
		return;
	if (atomic_read(&fn->called[call]) == 1) {
		gate = pcim_gate_create(fn->pdev);
		seen[FAKE_PROBE] = pci_gate_state(gate);
	} else {
		fn->vote[FAKE_SLOT_RESET] = PCI_ERS_RESULT_RECOVERED;
	}
}

static void pe_made_late(struct kunit *test)
{
	struct fake_pe *fpe;

	a_pe(test, FAKE_AWARE);
	fpe = suite_pe(test, FAKE_AWARE);
	fpe->fn[0].vote[FAKE_SLOT_RESET] = PCI_ERS_RESULT_NEED_RESET;
	WRITE_ONCE(fpe->fn[0].hook, make_late);
	WRITE_ONCE(fpe->hook, look_in_op);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, seen[FAKE_PROBE], PCI_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_DEEP_RESET]), 1);
	KUNIT_EXPECT_TRUE(test, drained_in_reset);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

static void pe_gone(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	scoped_guard(irqsave)
		fake_gone(fpe);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
	fake_release(fpe);
	KUNIT_EXPECT_EQ(test, seen[FAKE_REMOVE], PCI_GATE_DEAD);
	KUNIT_EXPECT_NULL(test, pci_gate_find(fpe->fn[0].pdev));
}

/* About to leave: the device answers, but nobody gets in any more. */
static void pe_leaving(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	pci_recovery_gone(&fpe->pe, false);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_CLOSING);
	fake_gone(fpe);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_DEAD);
	fake_idle(fpe);
}

/* An error of a PE above is one of all below. */
static void pe_below(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *child = suite_pe_below(test, parent, 1, &aware);

	gate = suite_gate(test, &child->fn[0]);
	WRITE_ONCE(child->fn[0].hook, look);
	KUNIT_EXPECT_EQ(test, state_after_report(parent), PCI_GATE_FROZEN);
	suite_wait(test, parent, 1);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, seen[FAKE_RESUME], PCI_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, pci_gate_epoch(gate), 1);
}

/* A report of nothing: what it froze is thawed. */
static void pe_withdrawn(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	reinit_completion(&looked);
	pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_FROZEN);
	complete_all(&looked);
	suite_wait(test, fpe, 1);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_STALE);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

/* Nor is one that came too late of the error that was dealt with. */
static void report_late(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_RESUME)
		pci_recovery_report(&fn->fpe->pe, PCI_REPORT_ERROR);
}

static void pe_late_report(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->fn[0].hook, report_late);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, pci_gate_epoch(gate), 2);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

/* What is refused stays as it is. */
static void pe_refused(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	fpe->refuse = true;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_REFUSED);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_FROZEN);
	fpe->refuse = false;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

/* An error during resume: it is frozen then and when that has returned. */
static void fail_in_resume(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_RESUME || atomic_read(&fn->called[FAKE_RESUME]) > 1)
		return;
	fake_error(fn->fpe);
	seen[FAKE_RESUME] = pci_gate_state(gate);
}

static void pe_again(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->fn[0].hook, fail_in_resume);
	fake_error(fpe);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, seen[FAKE_RESUME], PCI_GATE_FROZEN);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
	KUNIT_EXPECT_EQ(test, pci_gate_epoch(gate), 2);
}

/* An error in the moment of the thaw, which it is not to be lost in. */
static struct completion at_slot_reset, go_on;

static void wait_in_slot_reset(struct fake_fn *fn, enum fake_call call)
{
	if (atomic_read(&fn->called[call]) == 1)
		look(fn, call);
	if (call != FAKE_SLOT_RESET || atomic_read(&fn->called[call]) > 1)
		return;
	complete(&at_slot_reset);
	wait_for_completion(&go_on);
}

static void pe_error_in_thaw(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);
	int tries = SUITE_MS / 20;

	init_completion(&at_slot_reset);
	init_completion(&go_on);
	WRITE_ONCE(fpe->fn[0].hook, wait_in_slot_reset);
	fake_error(fpe);
	wait_for_completion(&at_slot_reset);
	/* The thaw gets as far as that, with the PE live. */
	mutex_lock(&gate->lock);
	complete(&go_on);
	while (pci_pe_state(&fpe->pe) != PCI_PE_LIVE && tries--)
		msleep(20);
	msleep(50);
	fake_error(fpe);
	mutex_unlock(&gate->lock);
	suite_wait(test, fpe, 2);
	KUNIT_EXPECT_EQ(test, seen[FAKE_RESUME], PCI_GATE_FROZEN);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_LIVE);
}

/* Somebody is inside: no reset before he is out. */
static long stay(struct suite_task *task)
{
	int ret = pci_gate_tryenter(task->gate);

	complete(&task->begun);
	if (ret)
		return ret;
	wait_for_completion(&task->go);
	pci_gate_exit(task->gate);
	return 0;
}

static void pe_inside(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);
	int tries = SUITE_MS / 20;
	struct suite_task task;
	char stalled[64] = "";

	suite_limits(test, 100, 100);
	suite_start(test, &task, gate, stay);
	fake_error(fpe);
	while ((!fake_stalled(fpe, stalled, sizeof(stalled)) ||
		!strstr(stalled, "drain of gates")) && tries--)
		msleep(20);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_ERROR_DETECTED]),
			1);
	complete(&task.go);
	suite_wait(test, fpe, 1);
	suite_end(test, &task);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "stall"));
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_TRUE(test, drained_in_reset);
}

/* One that uses its device in a loop, and gives way as drivers should. */
static struct fake_pe *used;

static long use(struct suite_task *task)
{
	long in_reset = 0;
	int ret;

	complete(&task->begun);
	while (!completion_done(&task->go)) {
		ret = pci_gate_enter(task->gate);
		if (ret)
			return ret;
		in_reset += atomic_read(&used->in_reset);
		pci_gate_exit(task->gate);
		if (pci_gate_enter_atomic(task->gate)) {
			in_reset += atomic_read(&used->in_reset);
			pci_gate_exit_atomic(task->gate);
		}
		cond_resched();
	}
	return in_reset;
}

static void pe_use(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);
	struct suite_task task;
	int i;

	used = fpe;
	fpe->reset_ms = 20;
	fpe->pe.max_freezes = 100;
	suite_start(test, &task, gate, use);
	for (i = 0; i < 10; i++)
		suite_error(test, fpe);
	complete(&task.go);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, 0);
}

static struct kunit_case gate_pe_cases[] = {
	KUNIT_CASE(pe_reset),
	KUNIT_CASE(pe_thaw),
	KUNIT_CASE(pe_revive),
	KUNIT_CASE(pe_steps),
	KUNIT_CASE(pe_by_hand),
	KUNIT_CASE(pe_failed),
	KUNIT_CASE(pe_failed_one),
	KUNIT_CASE(pe_made_late),
	KUNIT_CASE(pe_gone),
	KUNIT_CASE(pe_leaving),
	KUNIT_CASE(pe_below),
	KUNIT_CASE(pe_withdrawn),
	KUNIT_CASE(pe_late_report),
	KUNIT_CASE(pe_refused),
	KUNIT_CASE(pe_again),
	KUNIT_CASE(pe_error_in_thaw),
	KUNIT_CASE(pe_inside),
	KUNIT_CASE(pe_use),
	{}
};

struct kunit_suite gate_pe_suite = {
	.name = "pci_gate_pe",
	.test_cases = gate_pe_cases,
};
