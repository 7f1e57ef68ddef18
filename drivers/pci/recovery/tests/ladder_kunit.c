// SPDX-License-Identifier: GPL-2.0
/*
 * The rungs of the ladder: each one holds, and leads to the next if it does not.
 */

#include <linux/pci.h>

#include "suites.h"

static void ladder_thaw(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 can_recover\n"
			 "thaw_mmio\n"
			 "mmio_enabled 0\n"
			 "vote 0 recovered\n"
			 "thaw_dma\n"
			 "resume 0\n"
			 "end recovered thaw\n");
}

static void ladder_thaw_mmio_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fake_fail(fpe, FAKE_THAW_MMIO, 0, 1, -EIO);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 can_recover\n"
			 "thaw_mmio=-5\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
}

static void ladder_thaw_dma_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fake_fail(fpe, FAKE_THAW_DMA, 0, 1, -EIO);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_SLOT_RESET]),
			1);
}

/* It fails again with its DMA stopped: that is not allowed before a reset. */
static void freeze_in_mmio_enabled(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_MMIO_ENABLED)
		fake_freeze(fn->fpe);
}

static void ladder_frozen_in_mmio_enabled(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	WRITE_ONCE(fpe->fn[0].hook, freeze_in_mmio_enabled);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_THAW_DMA]), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
}

/* ... and after the thaw: in the same episode. */
static void freeze_after_thaw(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_THAW_DMA)
		fake_error(fpe);
}

static void ladder_frozen_after_thaw(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	WRITE_ONCE(fpe->step_hook, freeze_after_thaw);
	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
}

static void ladder_reset_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_RESET, 0, 1, -EIO);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset=-5\n"
			 "deep_reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered deep\n");
}

static void ladder_slot_reset_gives_up(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_SLOT_RESET] = PCI_ERS_RESULT_DISCONNECT;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 disconnect\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered rebind\n");
}

static void ladder_rebind(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered rebind\n");
	KUNIT_EXPECT_PTR_EQ(test, fpe->fn[0].pdev, pdev);
	KUNIT_EXPECT_NOT_NULL(test, pdev->dev.driver);
}

/* In between, no driver binds by itself; afterwards any may. */
static int bound_meanwhile;

static void bind_in_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		bound_meanwhile = device_attach(&fpe->fn[0].pdev->dev);
}

static void ladder_barred(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	struct device *dev = &fpe->fn[0].pdev->dev;

	bound_meanwhile = -1;
	WRITE_ONCE(fpe->hook, bind_in_reset);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, bound_meanwhile, 0);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);

	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, device_attach(dev), 1);
}

/* A driver unbound by hand meanwhile stays so, and config space is restored. */
static void unbind_in_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		device_release_driver(&fpe->fn[0].pdev->dev);
}

static void ladder_unbound_by_hand(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_dev *pdev = fpe->fn[0].pdev;
	u32 bar, before, after;

	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_1, &before);
	WRITE_ONCE(fpe->hook, unbind_in_reset);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_NULL(test, pdev->dev.driver);
	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0, &bar);
	KUNIT_EXPECT_EQ(test, bar & PCI_BASE_ADDRESS_MEM_MASK,
			lower_32_bits(pci_resource_start(pdev, 0)));
	/* One that is above 4 GB can only be told from none by this. */
	pci_read_config_dword(pdev, PCI_BASE_ADDRESS_1, &after);
	KUNIT_EXPECT_EQ(test, after, before);
}

static void ladder_driverless(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "reset\n"
			 "restore 0\n"
			 "end recovered reset\n");
}

static void ladder_revive_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fake_fail(fpe, FAKE_THAW_MMIO, 0, 1, -EIO);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "revive=-5\n"
			 "reset\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered rebind\n");
}

static void ladder_probe_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	atomic_set(&fpe->fn[0].fail_probes, 1);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0=-5\n"
			 "deep_reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered deep\n");
}

/* Three rounds, and no more. */
static void ladder_no_rung_holds(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset=-5\n"
			 "deep_reset=-5\n"
			 "deep_reset=-5\n"
			 "perm_failure 0\n"
			 "end failed deep\n");
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_perm_failure);
}

/* A device that works looks frozen when an operator has it recovered. */
static int state_seen;
static u32 channel_seen;

static void look_in_error_detected(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_ERROR_DETECTED)
		return;
	state_seen = atomic_read(&fn->fpe->pe.state);
	channel_seen = (__force u32)fn->pdev->error_state;
}

static void ladder_operator_isolates(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->fn[0].hook, look_in_error_detected);
	state_seen = PCI_PE_NR_STATES;
	channel_seen = 0;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, state_seen, PCI_PE_FROZEN);
	KUNIT_EXPECT_EQ(test, channel_seen, (__force u32)pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
}

/* An operator gets more: rebind instead of giving up, and a rescan. */
static void ladder_operator_rebinds(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	suite_expect_log(test, fpe,
			 "begin operator\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 disconnect\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "bind 0\n"
			 "end recovered rebind\n");
}

static void ladder_operator_rescans(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESCAN);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_PTR_NE(test, fpe->fn[0].pdev, pdev);
}

static void ladder_operator_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_RESCAN, 0, 1, -EIO);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EIO);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);

	/* The next one may have better luck. */
	fake_fail(fpe, FAKE_RESET, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
}

/* After a failure an operator gets back the driver that could not be bound. */
static void ladder_operator_after_failure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	atomic_set(&fpe->fn[0].fail_probes, 3);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_NULL(test, fpe->fn[0].pdev->dev.driver);

	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_NOT_NULL(test, fpe->fn[0].pdev->dev.driver);
}

/* ... and is told when that is in vain once more. */
static void ladder_operator_probe_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	atomic_set(&fpe->fn[0].fail_probes, 1000);
	fake_fail(fpe, FAKE_RESCAN, 0, 100, -EIO);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EIO);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

/* A driver that cannot be unbound is in the way of a rescan. */
static void ladder_operator_unbind_fails(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fake_freeze(fpe);
	fake_fail(fpe, FAKE_THAW_MMIO, 0, 100, -EIO);
	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -EIO);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESCAN]), 0);
	KUNIT_EXPECT_NOT_NULL(test, fpe->fn[0].pdev->dev.driver);
}

static struct kunit_case ladder_cases[] = {
	KUNIT_CASE(ladder_thaw),
	KUNIT_CASE(ladder_thaw_mmio_fails),
	KUNIT_CASE(ladder_thaw_dma_fails),
	KUNIT_CASE(ladder_frozen_in_mmio_enabled),
	KUNIT_CASE(ladder_frozen_after_thaw),
	KUNIT_CASE(ladder_reset_fails),
	KUNIT_CASE(ladder_slot_reset_gives_up),
	KUNIT_CASE(ladder_rebind),
	KUNIT_CASE(ladder_barred),
	KUNIT_CASE(ladder_unbound_by_hand),
	KUNIT_CASE(ladder_driverless),
	KUNIT_CASE(ladder_revive_fails),
	KUNIT_CASE(ladder_probe_fails),
	KUNIT_CASE(ladder_no_rung_holds),
	KUNIT_CASE(ladder_operator_isolates),
	KUNIT_CASE(ladder_operator_rebinds),
	KUNIT_CASE(ladder_operator_rescans),
	KUNIT_CASE(ladder_operator_fails),
	KUNIT_CASE(ladder_operator_after_failure),
	KUNIT_CASE(ladder_operator_probe_fails),
	KUNIT_CASE(ladder_operator_unbind_fails),
	{}
};

struct kunit_suite ladder_suite = {
	.name = "pci_recovery_ladder",
	.test_cases = ladder_cases,
};
