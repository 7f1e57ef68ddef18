// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that are not what the core expects them to be: somebody binds and
 * unbinds by hand meanwhile, or a probe says something else than yes or no.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include "suites.h"
#include "../../pci.h"

/* As a write to driver_override does. */
static int override(struct pci_dev *pdev, u16 driver)
{
	return device_set_driver_override(&pdev->dev, fake_driver_name(driver));
}

/* As a write to bind does, only that nothing keeps it from it. */
static int bind_other(struct pci_dev *pdev, u16 driver)
{
	struct device_driver *drv;
	int ret;

	ret = override(pdev, driver);
	if (ret)
		return ret;
	drv = driver_find(fake_driver_name(driver), pdev->dev.bus);
	return drv ? device_driver_attach(drv, &pdev->dev) : -ENODEV;
}

static unsigned int called(struct fake_pe *fpe, enum fake_call call)
{
	return atomic_read(&fpe->fn[0].called[call]);
}

static void expect_driver(struct kunit *test, struct fake_pe *fpe, u16 driver)
{
	struct device_driver *drv = fpe->fn[0].pdev->dev.driver;

	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_ASSERT_NOT_NULL(test, drv);
	KUNIT_EXPECT_STREQ(test, drv->name, fake_driver_name(driver));
}

/* Another driver shall be bound after the episode than before. */
static void override_in_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		override(fpe->fn[0].pdev, FAKE_HAS_RESUME);
}

static void hand_override(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	WRITE_ONCE(fpe->hook, override_in_reset);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	expect_driver(test, fpe, FAKE_HAS_RESUME);
}

/* Another driver is there that knows of no error: it gets its own reset. */
static void replace_in_reset(struct fake_pe *fpe, enum fake_op op)
{
	if (op != FAKE_RESET || atomic_read(&fpe->calls[FAKE_RESET]) != 1)
		return;
	device_release_driver(&fpe->fn[0].pdev->dev);
	bind_other(fpe->fn[0].pdev, FAKE_HAS_RESUME);
}

static void hand_replaced(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	WRITE_ONCE(fpe->hook, replace_in_reset);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_SLOT_RESET), 0);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_RESUME), 0);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_PROBE), 3);
	expect_driver(test, fpe, FAKE_HAS_RESUME);
}

/* Whoever unbinds finds it so afterwards, and no callback is called. */
static enum fake_op unbind_at;

/* Once, for unbinding may thaw. */
static void unbind_in_op(struct fake_pe *fpe, enum fake_op op)
{
	if (op != unbind_at)
		return;
	unbind_at = FAKE_NR_OPS;
	device_release_driver(&fpe->fn[0].pdev->dev);
}

static void hand_unbound_in_thaw(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	unbind_at = FAKE_THAW_MMIO;
	WRITE_ONCE(fpe->hook, unbind_in_op);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_MMIO_ENABLED), 0);
	KUNIT_EXPECT_NULL(test, fpe->fn[0].pdev->dev.driver);
}

static void hand_unbound_before_failure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	unbind_at = FAKE_DEEP_RESET;
	WRITE_ONCE(fpe->hook, unbind_in_op);
	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_PERM_FAILURE), 0);
}

/* Before the core came to it. */
static void hand_unbound_before_unbind(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	unbind_at = FAKE_THAW_MMIO;
	WRITE_ONCE(fpe->hook, unbind_in_op);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "revive\n"
			 "reset\n"
			 "restore 0\n"
			 "end recovered reset\n");
}

/* The driver core tries it again, later: that is no failure. */
static void hand_deferred(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fpe->fn[0].probe_error = -EPROBE_DEFER;
	atomic_set(&fpe->fn[0].fail_probes, 1);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_DEEP_RESET]), 0);
}

/* Not somebody who was faster, but the probe. */
static void hand_busy(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fpe->fn[0].probe_error = -EBUSY;
	atomic_set(&fpe->fn[0].fail_probes, 1);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_DEEP);
	expect_driver(test, fpe, FAKE_UNAWARE);
}

/* A probe fails, and somebody binds another driver before the core looks. */
static struct fake_pe *contested;

static void faster_work(struct work_struct *work)
{
	bind_other(contested->fn[0].pdev, FAKE_HAS_RESUME);
}

static DECLARE_WORK(faster, faster_work);

static void contest(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_PROBE || atomic_read(&fn->called[FAKE_PROBE]) != 2)
		return;
	queue_work(system_unbound_wq, &faster);
	msleep(50);
}

static void look_late(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_BIND)
		mdelay(50);
}

static void hand_faster(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	contested = fpe;
	atomic_set(&fpe->fn[0].fail_probes, 1);
	WRITE_ONCE(fpe->fn[0].hook, contest);
	WRITE_ONCE(fpe->step_hook, look_late);
	suite_error(test, fpe);
	flush_work(&faster);
	expect_driver(test, fpe, FAKE_HAS_RESUME);
}

/* Bound when nothing answered, so there is no config space to restore. */
static void bind_silent(struct kunit *test, struct fake_pe *fpe)
{
	struct pci_dev *pdev = fpe->fn[0].pdev;

	KUNIT_ASSERT_EQ(test, bind_other(pdev, FAKE_UNAWARE), 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	/* Without that nothing but a new scan helps. */
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text, "restore 0=-61\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESCAN);
	KUNIT_EXPECT_PTR_NE(test, fpe->fn[0].pdev, pdev);
}

static void hand_bound_when_failed(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	KUNIT_ASSERT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	bind_silent(test, fpe);
}

static void hand_bound_when_silent(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	fake_freeze(fpe);
	fpe->fn[0].pdev->state_saved = false;
	bind_silent(test, fpe);
}

/* Who was bound after a failure is unbound like any other. */
static void hand_bound_after_failure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	atomic_set(&fpe->fn[0].fail_probes, 3);
	suite_error(test, fpe);
	KUNIT_ASSERT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	fpe->hw = PCI_PE_HW_NORMAL;
	KUNIT_ASSERT_EQ(test, device_attach(&fpe->fn[0].pdev->dev), 1);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_REMOVE), 2);
	expect_driver(test, fpe, FAKE_UNAWARE);
}

/* Somebody is about to add or to remove it: its driver is not called then. */
static void hand_not_added(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	clear_bit(PCI_DEV_ADDED, &pdev->priv_flags);
	fake_error(fpe);
	msleep(300);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_ERROR_DETECTED), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.ends, 0);
	set_bit(PCI_DEV_ADDED, &pdev->priv_flags);
	suite_wait(test, fpe, 1);
	expect_driver(test, fpe, FAKE_AWARE);
}

/* Whose DMA is none of the kernel's. */
static void hand_managed_dma(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_driver *drv = to_pci_driver(fpe->fn[0].pdev->dev.driver);

	drv->driver_managed_dma = true;
	suite_error(test, fpe);
	drv->driver_managed_dma = false;
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_REFUSED);
	KUNIT_EXPECT_EQ(test, called(fpe, FAKE_ERROR_DETECTED), 0);
	KUNIT_EXPECT_TRUE(test, fake_busy(fpe));
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_FALSE(test, fake_busy(fpe));
}

/* A driver without slot_reset, whose BAR was taken from it meanwhile. */
static struct resource *parent;

static void release_bar(struct fake_pe *fpe, enum fake_op op)
{
	if (op != FAKE_RESET)
		return;
	parent = fpe->fn[0].pdev->resource[0].parent;
	fpe->fn[0].pdev->resource[0].parent = NULL;
}

static void hand_no_bar(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_HAS_ERROR_DETECTED);

	WRITE_ONCE(fpe->hook, release_bar);
	suite_error(test, fpe);
	fpe->fn[0].pdev->resource[0].parent = parent;
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static struct kunit_case hand_cases[] = {
	KUNIT_CASE(hand_override),
	KUNIT_CASE(hand_replaced),
	KUNIT_CASE(hand_unbound_in_thaw),
	KUNIT_CASE(hand_unbound_before_failure),
	KUNIT_CASE(hand_unbound_before_unbind),
	KUNIT_CASE(hand_deferred),
	KUNIT_CASE(hand_busy),
	KUNIT_CASE(hand_faster),
	KUNIT_CASE(hand_bound_when_failed),
	KUNIT_CASE(hand_bound_when_silent),
	KUNIT_CASE(hand_bound_after_failure),
	KUNIT_CASE(hand_not_added),
	KUNIT_CASE(hand_managed_dma),
	KUNIT_CASE(hand_no_bar),
	{}
};

struct kunit_suite hand_suite = {
	.name = "pci_recovery_hand",
	.test_cases = hand_cases,
};
