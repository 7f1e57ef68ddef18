// SPDX-License-Identifier: GPL-2.0
/*
 * After an episode the config space is as it was after the scan, byte for byte,
 * and it is that of the same device.
 */

#include <linux/pci.h>

#include "suites.h"

/* Write to everything that a reset forgets, as a driver or a bug may. */
static void scribble(struct pci_dev *pdev)
{
	pci_write_config_word(pdev, PCI_COMMAND, PCI_COMMAND_SERR);
	pci_write_config_byte(pdev, PCI_CACHE_LINE_SIZE, 0x55);
	pci_write_config_byte(pdev, PCI_INTERRUPT_LINE, 0x55);
	pci_write_config_dword(pdev, PCI_BASE_ADDRESS_0, 0x55554000);
	pci_write_config_dword(pdev, PCI_BASE_ADDRESS_1, 0x55);
	pci_write_config_word(pdev, FAKE_MSIX + PCI_MSIX_FLAGS,
			      PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_write_config_word(pdev, FAKE_PCIE + PCI_EXP_DEVCTL, 0x5555);
	pci_write_config_word(pdev, FAKE_PCIE + PCI_EXP_LNKCTL, 0x0155);
	pci_write_config_word(pdev, FAKE_PCIE + PCI_EXP_DEVCTL2, 0x5555);
	pci_write_config_dword(pdev, FAKE_AER + PCI_ERR_UNCOR_MASK, 0x05555010);
	pci_write_config_dword(pdev, FAKE_AER + PCI_ERR_UNCOR_SEVER,
			       0x05555010);
	pci_write_config_dword(pdev, FAKE_AER + PCI_ERR_COR_MASK, 0x00005141);
	pci_write_config_dword(pdev, FAKE_AER + PCI_ERR_CAP, 0x00000140);
	pci_write_config_word(pdev, FAKE_ATS + PCI_ATS_CTRL, 0x8015);
	pci_write_config_word(pdev, FAKE_PASID + PCI_PASID_CTRL, 0x0005);
}

static void expect_config(struct kunit *test, struct fake_fn *fn,
			  const u8 *expected)
{
	int i;

	for (i = 0; i < FAKE_CFG_SIZE; i++)
		KUNIT_EXPECT_EQ_MSG(test, fn->cfg[i], expected[i],
				    "register %#x", i);
}

static const u16 drivers[] = {
	FAKE_DRIVERLESS,
	FAKE_UNAWARE,
	FAKE_HAS_ERROR_DETECTED,
	FAKE_AWARE,
};

static void driver_desc(const u16 *driver, char *desc)
{
	strscpy(desc, *driver == FAKE_DRIVERLESS ? "driverless" :
		fake_driver_name(*driver), KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(driver, drivers, driver_desc);

static struct fake_fn *fn_with_snapshot(struct kunit *test, u8 *config)
{
	const u16 *driver = test->param_value;
	struct fake_pe *fpe = suite_pe(test, *driver);

	memcpy(config, fpe->fn[0].cfg, FAKE_CFG_SIZE);
	return &fpe->fn[0];
}

/* Scribbled by whatever led to the error. */
static void restore_after_error(struct kunit *test)
{
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);
	struct fake_fn *fn;

	KUNIT_ASSERT_NOT_NULL(test, config);
	fn = fn_with_snapshot(test, config);
	scribble(fn->pdev);
	KUNIT_EXPECT_NE(test, memcmp(fn->cfg, config, FAKE_CFG_SIZE), 0);
	suite_error(test, fn->fpe);
	KUNIT_EXPECT_EQ(test, fn->fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	expect_config(test, fn, config);
}

/* More than once, for what is saved may be good for one time only. */
static void restore_again(struct kunit *test)
{
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);
	struct fake_fn *fn;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, config);
	fn = fn_with_snapshot(test, config);
	for (i = 0; i < 3; i++) {
		scribble(fn->pdev);
		suite_error(test, fn->fpe);
	}
	KUNIT_EXPECT_EQ(test, fn->fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	expect_config(test, fn, config);
}

/* As on a function that was just scanned: only BARs and serials differ. */
static void restore_as_new(struct kunit *test)
{
	const u16 *driver = test->param_value;
	struct fake_pe *fpe = suite_pe(test, *driver);
	struct fake_fn *old = &fpe->fn[0], *new;
	int i;

	scribble(old->pdev);
	suite_error(test, fpe);
	new = &suite_pe(test, *driver)->fn[0];
	for (i = 0; i < FAKE_CFG_SIZE; i++) {
		if ((i >= PCI_BASE_ADDRESS_0 && i < PCI_BASE_ADDRESS_2) ||
		    (i >= FAKE_DSN && i < FAKE_ATS))
			continue;
		KUNIT_EXPECT_EQ_MSG(test, old->cfg[i], new->cfg[i],
				    "register %#x", i);
	}
}

/* What a driver saves is its own; it does not come back with the next one. */
static void save_in_remove(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_REMOVE)
		return;
	scribble(fn->pdev);
	pci_save_state(fn->pdev);
}

static void restore_private_copy(struct kunit *test)
{
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	struct fake_fn *fn = &fpe->fn[0];

	KUNIT_ASSERT_NOT_NULL(test, config);
	memcpy(config, fn->cfg, FAKE_CFG_SIZE);
	WRITE_ONCE(fn->hook, save_in_remove);
	suite_error(test, fpe);
	expect_config(test, fn, config);
}

/* A driver that was bound for the first time long after the scan. */
static void restore_late_driver(struct kunit *test)
{
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	struct fake_fn *fn = &fpe->fn[0];

	KUNIT_ASSERT_NOT_NULL(test, config);
	device_release_driver(&fn->pdev->dev);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, device_attach(&fn->pdev->dev), 1);
	memcpy(config, fn->cfg, FAKE_CFG_SIZE);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	expect_config(test, fn, config);
}

/* What counts is what was before the first driver, not before the last. */
static void restore_second_driver(struct kunit *test)
{
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	struct fake_fn *fn = &fpe->fn[0];

	KUNIT_ASSERT_NOT_NULL(test, config);
	memcpy(config, fn->cfg, FAKE_CFG_SIZE);
	device_release_driver(&fn->pdev->dev);
	scribble(fn->pdev);
	pci_save_state(fn->pdev);
	KUNIT_EXPECT_EQ(test, device_attach(&fn->pdev->dev), 1);
	suite_error(test, fpe);
	expect_config(test, fn, config);
}

/* Nothing can be taken out of what was saved, but it is still there. */
static void restore_unsaved(struct kunit *test)
{
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);
	struct fake_fn *fn = &fpe->fn[0];

	KUNIT_ASSERT_NOT_NULL(test, config);
	memcpy(config, fn->cfg, FAKE_CFG_SIZE);
	pci_save_state(fn->pdev);
	fn->pdev->state_saved = false;
	scribble(fn->pdev);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESET);
	expect_config(test, fn, config);
}

/* A driver without slot_reset that has saved before it enabled. */
static void restore_enabled(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_HAS_ERROR_DETECTED);
	struct pci_dev *pdev = fpe->fn[0].pdev;
	u16 before, after;

	pci_read_config_word(pdev, PCI_COMMAND, &before);
	KUNIT_EXPECT_NE(test, before & PCI_COMMAND_MASTER, 0);
	pci_write_config_word(pdev, PCI_COMMAND, 0);
	pci_save_state(pdev);
	pci_write_config_word(pdev, PCI_COMMAND, before);
	suite_error(test, fpe);
	pci_read_config_word(pdev, PCI_COMMAND, &after);
	KUNIT_EXPECT_EQ(test, after, before);
}

/* The test of the tests: a reset does forget. */
static void restore_is_needed(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);
	u8 *config = kunit_kzalloc(test, FAKE_CFG_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, config);
	memcpy(config, fpe->fn[0].cfg, FAKE_CFG_SIZE);
	fake_config_reset(&fpe->fn[0], FAKE_SAME);
	KUNIT_EXPECT_NE(test, memcmp(fpe->fn[0].cfg, config, FAKE_CFG_SIZE), 0);
}

/* Another device in the place of the one that failed is left alone. */
struct other {
	const char *name;
	enum fake_change change;
	u16 driver;
};

static const struct other others[] = {
	{ "other device, unaware", FAKE_OTHER_DEVICE, FAKE_UNAWARE },
	{ "other serial, unaware", FAKE_OTHER_SERIAL, FAKE_UNAWARE },
	{ "other device, aware", FAKE_OTHER_DEVICE, FAKE_AWARE },
	{ "other serial, driverless", FAKE_OTHER_SERIAL, FAKE_DRIVERLESS },
};

static void other_desc(const struct other *other, char *desc)
{
	strscpy(desc, other->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(other, others, other_desc);

static void restore_not_onto_another(struct kunit *test)
{
	const struct other *other = test->param_value;
	struct fake_pe *fpe = suite_pe(test, other->driver);
	struct fake_fn *fn = &fpe->fn[0];

	fpe->change = other->change;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->pe.state), PCI_PE_DEAD);
	KUNIT_EXPECT_EQ(test, fn->cfg[PCI_COMMAND], 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fn->called[FAKE_SLOT_RESET]), 0);
	KUNIT_EXPECT_LE(test, atomic_read(&fn->called[FAKE_PROBE]), 1);
}

static void restore_no_answer(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fpe->change = FAKE_NO_ANSWER;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "deep_reset\n"
			 "deep_reset\n"
			 "end failed deep\n");
}

static struct kunit_case restore_cases[] = {
	KUNIT_CASE(restore_is_needed),
	KUNIT_CASE_PARAM(restore_after_error, driver_gen_params),
	KUNIT_CASE_PARAM(restore_again, driver_gen_params),
	KUNIT_CASE_PARAM(restore_as_new, driver_gen_params),
	KUNIT_CASE(restore_private_copy),
	KUNIT_CASE(restore_late_driver),
	KUNIT_CASE(restore_second_driver),
	KUNIT_CASE(restore_unsaved),
	KUNIT_CASE(restore_enabled),
	KUNIT_CASE_PARAM(restore_not_onto_another, other_gen_params),
	KUNIT_CASE(restore_no_answer),
	{}
};

struct kunit_suite restore_suite = {
	.name = "pci_recovery_restore",
	.test_cases = restore_cases,
};
