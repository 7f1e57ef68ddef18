// SPDX-License-Identifier: GPL-2.0
/*
 * A device that fails again, or is gone, just after a step, before the core looks
 * at it the next time.
 */

#include <linux/pci.h>

#include "suites.h"

struct after {
	const char *name;
	enum pci_step step;
	u16 driver;
	pci_ers_result_t vote;
};

#define AFTER(_step, _driver, _vote)					\
	{ #_step " of " #_driver, PCI_STEP_##_step, FAKE_##_driver,	\
	  PCI_ERS_RESULT_##_vote }

static const struct after afters[] = {
	AFTER(FREEZE, AWARE, CAN_RECOVER),
	AFTER(ERROR_DETECTED, AWARE, CAN_RECOVER),
	AFTER(THAW_MMIO, AWARE, CAN_RECOVER),
	AFTER(MMIO_ENABLED, AWARE, CAN_RECOVER),
	AFTER(THAW_DMA, AWARE, CAN_RECOVER),
	AFTER(RESET, AWARE, NEED_RESET),
	AFTER(SLOT_RESET, AWARE, NEED_RESET),
	AFTER(RESUME, AWARE, NEED_RESET),
	AFTER(REVIVE, UNAWARE, NONE),
	AFTER(UNBIND, UNAWARE, NONE),
	AFTER(RESET, UNAWARE, NONE),
	AFTER(RESTORE, UNAWARE, NONE),
	AFTER(BIND, UNAWARE, NONE),
	AFTER(RESTORE, DRIVERLESS, NONE),
};

static void after_desc(const struct after *after, char *desc)
{
	strscpy(desc, after->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(after, afters, after_desc);

static enum pci_step now;
static bool done;

static void fail_once(struct fake_pe *fpe, enum pci_step step)
{
	if (step != now || done)
		return;
	done = true;
	fake_error(fpe);
}

static void leave_once(struct fake_pe *fpe, enum pci_step step)
{
	if (step != now || done)
		return;
	done = true;
	fake_gone(fpe);
}

static struct fake_pe *pe_with(struct kunit *test,
			       void (*hook)(struct fake_pe *fpe,
					    enum pci_step step))
{
	const struct after *after = test->param_value;
	struct fake_pe *fpe = suite_pe(test, after->driver);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = after->vote;
	now = after->step;
	done = false;
	WRITE_ONCE(fpe->step_hook, hook);
	return fpe;
}

/* In this episode or in the next one: it is noticed. */
static void step_fails(struct kunit *test)
{
	const struct after *after = test->param_value;
	struct fake_pe *fpe = pe_with(test, fail_once);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_TRUE(test, done);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->hw, PCI_PE_HW_NORMAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_LIVE);
	expect_channel(test, pdev, pci_channel_io_normal);
	KUNIT_EXPECT_EQ(test, !pdev->dev.driver,
			after->driver == FAKE_DRIVERLESS);
}

static void step_gone(struct kunit *test)
{
	struct fake_pe *fpe = pe_with(test, leave_once);

	suite_error(test, fpe);
	fake_idle(fpe);
	KUNIT_EXPECT_TRUE(test, done);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_DEAD);
}

/* The reset brings back another card of the same make. */
static void other_subsystem(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_RESET)
		fpe->fn[0].cfg[PCI_SUBSYSTEM_ID]++;
}

static void step_other_subsystem(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	WRITE_ONCE(fpe->step_hook, other_subsystem);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_PROBE]), 1);
}

static void other_class(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_RESET)
		fpe->fn[0].cfg[PCI_CLASS_DEVICE]++;
}

static void step_other_class(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	WRITE_ONCE(fpe->step_hook, other_class);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
}

/* A VF has no ids. */
static void no_ids(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_RESET)
		memset(fpe->fn[0].cfg, 0xff, 4);
}

static void step_vf(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	fpe->fn[0].pdev->is_virtfn = 1;
	WRITE_ONCE(fpe->step_hook, no_ids);
	suite_error(test, fpe);
	fpe->fn[0].pdev->is_virtfn = 0;
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
}

/* A VF has no ids, so it takes the serial number to see that it is silent. */
static void virtual_function(struct fake_pe *fpe, enum pci_step step)
{
	fpe->fn[0].pdev->is_virtfn = step == PCI_STEP_RESET;
	if (step == PCI_STEP_RESET)
		fake_freeze(fpe);
}

static void step_silent_vf(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	WRITE_ONCE(fpe->step_hook, virtual_function);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "reset\n"
			 "deep_reset\n"
			 "restore 0\n"
			 "end recovered deep\n");
	fpe->fn[0].pdev->is_virtfn = 0;
}

/* A bridge's driver, as that of a hotplug controller, stays bound. */
static void step_bridge(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_UNAWARE, FAKE_UNAWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, drivers);
	struct pci_dev *bridge = fpe->fn[0].pdev;

	bridge->hdr_type = PCI_HEADER_TYPE_BRIDGE;
	suite_error(test, fpe);
	bridge->hdr_type = PCI_HEADER_TYPE_NORMAL;
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "revive\n"
			 "unbind 1\n"
			 "reset\n"
			 "restore 0\n"
			 "restore 1\n"
			 "bind 1\n"
			 "end recovered rebind\n");
}

#ifdef CONFIG_PCI_ATS
/* It answers only when the driver of its PF has enabled it again. */
static void enable_vf(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_SLOT_RESET)
		WRITE_ONCE(fn->fpe->fn[1].present, true);
}

static void disable_vf(struct fake_pe *fpe, enum pci_step step)
{
	if (step == PCI_STEP_RESET)
		WRITE_ONCE(fpe->fn[1].present, false);
}

static void step_late_vf(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_AWARE, FAKE_DRIVERLESS };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, drivers);
	struct pci_dev *vf = fpe->fn[1].pdev;

	vf->physfn = fpe->fn[0].pdev;
	vf->is_virtfn = 1;
	WRITE_ONCE(fpe->fn[0].hook, enable_vf);
	WRITE_ONCE(fpe->step_hook, disable_vf);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "restore 1\n"
			 "resume 0\n"
			 "end recovered reset\n");
	vf->is_virtfn = 0;
	vf->physfn = NULL;
}
#endif

/* Firmware that leaves interrupts on. */
static void leave_msi_on(struct fake_pe *fpe, enum pci_step step)
{
	u8 *cfg = fpe->fn[0].cfg;

	if (step != PCI_STEP_RESET)
		return;
	cfg[FAKE_MSI + PCI_MSI_FLAGS] |= PCI_MSI_FLAGS_ENABLE;
	cfg[FAKE_MSIX + PCI_MSIX_FLAGS + 1] |= (PCI_MSIX_FLAGS_ENABLE |
						 PCI_MSIX_FLAGS_MASKALL) >> 8;
}

static void step_msi(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);
	u8 *cfg = fpe->fn[0].cfg;

	WRITE_ONCE(fpe->step_hook, leave_msi_on);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, cfg[FAKE_MSI + PCI_MSI_FLAGS] &
			PCI_MSI_FLAGS_ENABLE, 0);
	KUNIT_EXPECT_EQ(test, cfg[FAKE_MSIX + PCI_MSIX_FLAGS + 1] &
			(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8,
			0);
}

static struct kunit_case step_cases[] = {
	KUNIT_CASE_PARAM(step_fails, after_gen_params),
	KUNIT_CASE_PARAM(step_gone, after_gen_params),
	KUNIT_CASE(step_other_subsystem),
	KUNIT_CASE(step_other_class),
	KUNIT_CASE(step_vf),
	KUNIT_CASE(step_silent_vf),
	KUNIT_CASE(step_bridge),
#ifdef CONFIG_PCI_ATS
	KUNIT_CASE(step_late_vf),
#endif
	KUNIT_CASE(step_msi),
	{}
};

struct kunit_suite step_suite = {
	.name = "pci_recovery_step",
	.test_cases = step_cases,
};
