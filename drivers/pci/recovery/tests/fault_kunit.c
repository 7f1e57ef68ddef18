// SPDX-License-Identifier: GPL-2.0
/*
 * Every operation of the platform fails, and every allocation: no PE is stuck,
 * and the next episode helps.
 */

#include <linux/pci.h>
#include <linux/slab.h>

#include "suites.h"

struct fault {
	const char *name;
	enum fake_op op;
	u16 driver;
	pci_ers_result_t vote;
};

#define FAULT(_op, _driver, _vote)					\
	{ #_op " of " #_driver, FAKE_##_op, FAKE_##_driver,		\
	  PCI_ERS_RESULT_##_vote }

static const struct fault faults[] = {
	FAULT(LOCK, AWARE, CAN_RECOVER),
	FAULT(LOCK, UNAWARE, NONE),
	FAULT(FREEZE, AWARE, NEED_RESET),
	FAULT(THAW_MMIO, AWARE, CAN_RECOVER),
	FAULT(THAW_MMIO, UNAWARE, NONE),
	FAULT(THAW_DMA, AWARE, CAN_RECOVER),
	FAULT(RESET, AWARE, NEED_RESET),
	FAULT(RESET, UNAWARE, NONE),
	FAULT(RESET, DRIVERLESS, NONE),
	FAULT(DEEP_RESET, UNAWARE, NONE),
};

static void fault_desc(const struct fault *fault, char *desc)
{
	strscpy(desc, fault->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(fault, faults, fault_desc);

/* An operator brings it back, so nothing was left behind. */
static void expect_usable(struct kunit *test, struct fake_pe *fpe)
{
	KUNIT_EXPECT_EQ(test, fpe->log.begins, fpe->log.ends);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* The first, second, ... call of it fails once, or for good. */
static void fault_op(struct kunit *test)
{
	const struct fault *fault = test->param_value;
	struct fake_pe *fpe;
	unsigned int skip;

	for (skip = 0; skip < 8; skip++) {
		fpe = suite_pe(test, fault->driver);
		fpe->fn[0].vote[FAKE_ERROR_DETECTED] = fault->vote;
		fake_fail(fpe, fault->op, skip / 2, skip % 2 ? 100 : 1,
			  fault->op == FAKE_LOCK ? -ENODEV : -EIO);
		suite_error(test, fpe);
		fake_fail(fpe, fault->op, 0, 0, 0);
		expect_usable(test, fpe);
		suite_pe_put(test, fpe);
	}
}

#ifdef CONFIG_FAILSLAB

/* The allocation that fails, counted from now on; none if 0. */
static void set_fail_nth(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}

/* True if it was done, that is, if there were not as many. */
static bool clear_fail_nth(void)
{
	bool left = READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	return left;
}

/* The tests need one that may sleep to fail. */
static void expect_faults(struct kunit *test)
{
	void *p;

	set_fail_nth(1);
	p = kmalloc(16, GFP_KERNEL);
	clear_fail_nth();
	kfree(p);
	if (p)
		kunit_skip(test, "failslab/ignore-gfp-wait is not N");
}

static unsigned int nth;
static bool nth_left;

/* In the PE's worker: from the freeze to the end. */
static void fail_episode(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_FREEZE)
		set_fail_nth(nth);
	if (op == FAKE_REPORT)
		nth_left = clear_fail_nth();
}

static const u16 drivers[] = { FAKE_AWARE, FAKE_UNAWARE, FAKE_DRIVERLESS };

static void driver_desc(const u16 *driver, char *desc)
{
	strscpy(desc, *driver == FAKE_DRIVERLESS ? "driverless" :
		fake_driver_name(*driver), KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(driver, drivers, driver_desc);

static void fault_alloc_in_episode(struct kunit *test)
{
	const u16 *driver = test->param_value;
	struct fake_pe *fpe = suite_pe(test, *driver);

	expect_faults(test);
	fpe->pe.max_freezes = UINT_MAX;
	nth_left = false;
	for (nth = 1; !nth_left && nth < 1000; nth++) {
		WRITE_ONCE(fpe->hook, fail_episode);
		fake_log_clear(fpe);
		suite_error(test, fpe);
		WRITE_ONCE(fpe->hook, NULL);
		expect_usable(test, fpe);
		if (!fpe->fn[0].pdev->dev.driver && *driver != FAKE_DRIVERLESS)
			KUNIT_FAIL(test, "no driver after allocation %u", nth);
	}
	KUNIT_EXPECT_TRUE(test, nth_left);
	kunit_info(test, "%u allocations", nth - 2);
}

/*
 * A function comes, or its first driver, when memory is short.  Only what the
 * core allocates fails, in its notifier: the PCI core has a WARN() of its own.
 */
static unsigned long fail_action;

static int fail_from(struct notifier_block *nb, unsigned long action, void *dev)
{
	if (action == fail_action)
		set_fail_nth(nth);
	return NOTIFY_OK;
}

static int fail_until(struct notifier_block *nb, unsigned long action, void *dev)
{
	if (action == fail_action)
		nth_left = clear_fail_nth();
	return NOTIFY_OK;
}

static struct notifier_block before_core = {
	.notifier_call = fail_from, .priority = 1,
};

static struct notifier_block after_core = {
	.notifier_call = fail_until, .priority = -1,
};

static void fault_alloc_in_notifier(struct kunit *test, unsigned long action)
{
	struct fake_pe *fpe = suite_pe_below(test, NULL, 0, NULL);
	struct fake_fn *fn = &fpe->fn[0];

	expect_faults(test);
	fpe->pe.max_freezes = UINT_MAX;
	fail_action = action;
	nth_left = false;
	bus_register_notifier(&pci_bus_type, &before_core);
	bus_register_notifier(&pci_bus_type, &after_core);
	for (nth = 1; !nth_left && nth < 200; nth++) {
		KUNIT_EXPECT_EQ(test, fake_fn_add(fn, FAKE_UNAWARE), 0);
		/* With recovery, or without: it is no worse than that. */
		fake_freeze(fpe);
		pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
		fake_idle(fpe);
		fake_fn_del(fn);
	}
	bus_unregister_notifier(&pci_bus_type, &before_core);
	bus_unregister_notifier(&pci_bus_type, &after_core);
	KUNIT_EXPECT_TRUE(test, nth_left);
	KUNIT_EXPECT_GT(test, nth, 2);
	kunit_info(test, "%u allocations", nth - 2);

	fake_idle(fpe);
	fake_log_clear(fpe);
	KUNIT_ASSERT_EQ(test, fake_fn_add(fn, FAKE_UNAWARE), 0);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

static void fault_alloc_in_add(struct kunit *test)
{
	fault_alloc_in_notifier(test, BUS_NOTIFY_ADD_DEVICE);
}

static void fault_alloc_in_bind(struct kunit *test)
{
	fault_alloc_in_notifier(test, BUS_NOTIFY_BIND_DRIVER);
}

/* A report needs no memory. */
static void fault_alloc_in_report(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	bool left;

	set_fail_nth(1);
	fake_error(fpe);
	left = clear_fail_nth();
	KUNIT_EXPECT_TRUE(test, left);
	suite_wait(test, fpe, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
}

#endif /* CONFIG_FAILSLAB */

static struct kunit_case fault_cases[] = {
	KUNIT_CASE_PARAM(fault_op, fault_gen_params),
#ifdef CONFIG_FAILSLAB
	KUNIT_CASE_PARAM(fault_alloc_in_episode, driver_gen_params),
	KUNIT_CASE(fault_alloc_in_add),
	KUNIT_CASE(fault_alloc_in_bind),
	KUNIT_CASE(fault_alloc_in_report),
#endif
	{}
};

struct kunit_suite fault_suite = {
	.name = "pci_recovery_fault",
	.test_cases = fault_cases,
};
