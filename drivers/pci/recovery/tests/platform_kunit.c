// SPDX-License-Identifier: GPL-2.0
/*
 * What not every platform has: a diagnosis, an ear for what drivers say, a
 * limit of its own, functions that it knows late, and PEs that are not the
 * core's below one that is.
 */

#include <linux/debug_locks.h>
#include <linux/lockdep.h>
#include <linux/pci.h>

#include "suites.h"

/* A PE of a platform that has all operations. */
static struct fake_pe *optional_pe(struct kunit *test, unsigned int functions,
				   const u16 *drivers)
{
	struct fake_pe *fpe = suite_pe_below(test, NULL, functions, drivers);

	fake_max_freezes(5);
	fake_optional(fpe);
	return fpe;
}

static struct fake_pe *optional_aware(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;

	return optional_pe(test, 1, &aware);
}

/* The drivers know that it is frozen, nobody has touched it yet. */
static void platform_reset(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "notice begin error_detected\n"
			 "notice call error_detected 0 fake-emsr\n"
			 "error_detected 0\n"
			 "notice vote error_detected 0 fake-emsr need_reset\n"
			 "vote 0 need_reset\n"
			 "notice end error_detected\n"
			 "diagnose\n"
			 "reset\n"
			 "notice begin slot_reset\n"
			 "notice call slot_reset 0 fake-emsr\n"
			 "slot_reset 0\n"
			 "notice vote slot_reset 0 fake-emsr recovered\n"
			 "vote 0 recovered\n"
			 "notice end slot_reset\n"
			 "notice begin resume\n"
			 "notice call resume 0 fake-emsr\n"
			 "resume 0\n"
			 "notice vote resume 0 fake-emsr none\n"
			 "notice end resume\n"
			 "end recovered reset\n");
}

/* It is told of a call before that, not when the driver is stuck in it. */
static bool told_before;

static void look_at_notices(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_ERROR_DETECTED)
		told_before = strstr(fn->fpe->log.text, "notice call");
}

static void platform_told_before(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);

	told_before = false;
	WRITE_ONCE(fpe->fn[0].hook, look_at_notices);
	suite_error(test, fpe);
	KUNIT_EXPECT_TRUE(test, told_before);
}

/* A callback that is missing has no opinion, but is not left out. */
static void platform_thaw(struct kunit *test)
{
	static const u16 driver = FAKE_HAS_ERROR_DETECTED;
	struct fake_pe *fpe = optional_pe(test, 1, &driver);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "notice begin error_detected\n"
			 "notice call error_detected 0 fake-e\n"
			 "error_detected 0\n"
			 "notice vote error_detected 0 fake-e can_recover\n"
			 "vote 0 can_recover\n"
			 "notice end error_detected\n"
			 "diagnose\n"
			 "thaw_mmio\n"
			 "notice begin mmio_enabled\n"
			 "notice vote mmio_enabled 0 fake-e none\n"
			 "notice end mmio_enabled\n"
			 "thaw_dma\n"
			 "notice begin resume\n"
			 "notice vote resume 0 fake-e none\n"
			 "notice end resume\n"
			 "end recovered thaw\n");
}

static void platform_missing_slot_reset(struct kunit *test)
{
	static const u16 driver = FAKE_HAS_ERROR_DETECTED | FAKE_HAS_RESUME;
	struct fake_pe *fpe = optional_pe(test, 1, &driver);

	suite_error(test, fpe);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text,
					   "reset\n"
					   "notice begin slot_reset\n"
					   "restore 0\n"
					   "notice vote slot_reset 0 fake-er none\n"
					   "notice end slot_reset\n"
					   "notice begin resume\n"
					   "notice call resume 0 fake-er\n"));
}

/* Who is not asked is passed over, by name if there is one. */
static void platform_skip(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_UNAWARE, FAKE_DRIVERLESS };
	struct fake_pe *fpe = optional_pe(test, 2, drivers);

	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "notice begin error_detected\n"
			 "notice skip error_detected 0 fake\n"
			 "notice skip error_detected 1 -\n"
			 "notice end error_detected\n"
			 "diagnose\n"
			 "revive\n"
			 "unbind 0\n"
			 "reset\n"
			 "restore 0\n"
			 "restore 1\n"
			 "notice begin slot_reset\n"
			 "notice skip slot_reset 0 fake\n"
			 "notice skip slot_reset 1 -\n"
			 "notice end slot_reset\n"
			 "bind 0\n"
			 "notice begin resume\n"
			 "notice skip resume 0 fake\n"
			 "notice skip resume 1 -\n"
			 "notice end resume\n"
			 "end recovered rebind\n");
}

/* No driver wants it back: there is nothing to diagnose. */
static void platform_all_give_up(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	fpe->fn[0].vote[FAKE_PERM_FAILURE] = PCI_ERS_RESULT_NO_AER_DRIVER;
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "notice begin error_detected\n"
			 "notice call error_detected 0 fake-emsr\n"
			 "error_detected 0\n"
			 "notice vote error_detected 0 fake-emsr disconnect\n"
			 "vote 0 disconnect\n"
			 "notice end error_detected\n"
			 "notice begin perm_failure\n"
			 "notice call perm_failure 0 fake-emsr\n"
			 "perm_failure 0\n"
			 "notice vote perm_failure 0 fake-emsr no_aer_driver\n"
			 "notice end perm_failure\n"
			 "end failed none\n");
}

/* ... but where one does there is. */
static void platform_one_gives_up(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = optional_pe(test, 2, both);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_DIAGNOSE]), 1);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_THAW);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text,
					   "notice begin mmio_enabled\n"
					   "notice vote mmio_enabled 0 fake-emsr none\n"
					   "notice call mmio_enabled 1 fake-emsr\n"));
}

/* The diagnosis is that it is of no use; an operator is not bound by that. */
static void platform_diagnosed_hopeless(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	fake_fail(fpe, FAKE_DIAGNOSE, 0, 1, -EIO);
	suite_error(test, fpe);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text,
					   "diagnose=-5\n"
					   "notice begin perm_failure\n"));
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_THAW_MMIO]), 0);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_perm_failure);
	/* The drivers are not asked any more, the device is. */
	fake_log_clear(fpe);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text,
					   "freeze\n"
					   "diagnose\n"
					   "revive\n"
					   "unbind 0\n"));
}

static void platform_operator_diagnosed(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);

	fake_freeze(fpe);
	fake_fail(fpe, FAKE_DIAGNOSE, 0, 1, -EIO);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fpe->log.text,
					   "diagnose=-5\n"
					   "revive\n"
					   "unbind 0\n"));
}

static void platform_diagnosed_gone(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);

	fake_fail(fpe, FAKE_DIAGNOSE, 0, 1, -ENODEV);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_GONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->calls[FAKE_RESET]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fpe->fn[0].called[FAKE_PERM_FAILURE]),
			0);
}

/* The platform's limit is that of today; see also sysfs_max_freezes_own. */
static void platform_max_freezes(struct kunit *test)
{
	struct fake_pe *fpe = optional_aware(test);
	int i;

	fpe->pe.max_freezes = 0;
	fake_max_freezes(2);
	for (i = 0; i < 2; i++) {
		suite_error(test, fpe);
		KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	}
	fake_max_freezes(3);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

/* One below is in the hands of somebody else, its siblings are not. */
static void platform_child_refuses(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE, unaware = FAKE_UNAWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *other = suite_pe_below(test, parent, 1, &unaware);
	struct fake_pe *ours = suite_pe_below(test, parent, 1, &aware);

	other->refuse = true;
	suite_error(test, parent);
	suite_expect_log(test, parent,
			 "begin error\n"
			 "freeze\n"
			 "error_detected 0\n"
			 "vote 0 need_reset\n"
			 "reset\n"
			 "slot_reset 0\n"
			 "vote 0 recovered\n"
			 "resume 0\n"
			 "end recovered reset\n");
	KUNIT_EXPECT_EQ(test, atomic_read(&ours->fn[0].called[FAKE_RESUME]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->fn[0].called[FAKE_REMOVE]), 0);
	KUNIT_EXPECT_EQ(test, other->fn[0].cfg[PCI_COMMAND], 0);
	expect_channel(test, other->fn[0].pdev, pci_channel_io_normal);
}

/* Nothing is the matter with it, when an operator asks for the PE above. */
static struct pci_dev *neighbour;
static pci_channel_state_t seen;

static void look_at_neighbour(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_ERROR_DETECTED)
		seen = READ_ONCE(neighbour->error_state);
}

static void platform_child_is_left(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *other = suite_pe_below(test, parent, 1, &aware);
	struct fake_pe *ours = suite_pe_below(test, parent, 1, &aware);

	neighbour = other->fn[0].pdev;
	other->refuse = true;
	WRITE_ONCE(ours->fn[0].hook, look_at_neighbour);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&parent->pe), 0);
	KUNIT_EXPECT_EQ(test, (__force u32)seen,
			(__force u32)pci_channel_io_normal);
}

static void platform_children_refuse(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *other = suite_pe_below(test, parent, 1, &aware);

	other->refuse = true;
	suite_error(test, parent);
	suite_expect_log(test, parent,
			 "begin error\n"
			 "freeze\n"
			 "end refused none\n");
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&parent->pe), -EBUSY);
	other->refuse = false;
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&parent->pe), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->fn[0].called[FAKE_RESUME]), 1);
}

/* Whoever has it thaws it; meanwhile it is known as frozen. */
static void platform_thawed(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->refuse = true;
	suite_error(test, fpe);
	pci_recovery_thawed(&fpe->pe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, pci_pe_state(&fpe->pe), PCI_PE_FROZEN);
	WRITE_ONCE(fpe->hw, PCI_PE_HW_NORMAL);
	pci_recovery_thawed(&fpe->pe);
	fake_idle(fpe);
	KUNIT_EXPECT_EQ(test, pci_pe_state(&fpe->pe), PCI_PE_LIVE);
	expect_channel(test, fpe->fn[0].pdev, pci_channel_io_normal);
}

/* A function whose PE is not known when it is added. */
static void platform_late(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe_below(test, NULL, 0, NULL);

	fpe->late = true;
	KUNIT_ASSERT_EQ(test, fake_fn_add(&fpe->fn[0], FAKE_DRIVERLESS), 0);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ENODEV);
	fake_found(&fpe->fn[0]);
	fake_log_clear(fpe);
	suite_error(test, fpe);
	suite_expect_log(test, fpe,
			 "begin error\n"
			 "freeze\n"
			 "reset\n"
			 "restore 0\n"
			 "end recovered reset\n");
}

#ifdef CONFIG_LOCKDEP

/* A driver leaves in a callback what another thread will release. */
static struct lockdep_map left_behind =
	STATIC_LOCKDEP_MAP_INIT("fake_left_behind", &left_behind);

static void leave_behind(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_ERROR_DETECTED)
		lock_map_acquire_read(&left_behind);
}

static int depth;

static void look_at_depth(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_REPORT)
		depth = lockdep_depth(current);
}

static void platform_locks(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	int before;

	if (!debug_locks)
		kunit_skip(test, "lockdep is off");
	WRITE_ONCE(fpe->hook, look_at_depth);
	suite_error(test, fpe);
	before = depth;
	WRITE_ONCE(fpe->fn[0].hook, leave_behind);
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, depth, before);
	KUNIT_EXPECT_TRUE(test, debug_locks);
}

#endif /* CONFIG_LOCKDEP */

static struct kunit_case platform_cases[] = {
	KUNIT_CASE(platform_reset),
	KUNIT_CASE(platform_told_before),
	KUNIT_CASE(platform_thaw),
	KUNIT_CASE(platform_missing_slot_reset),
	KUNIT_CASE(platform_skip),
	KUNIT_CASE(platform_all_give_up),
	KUNIT_CASE(platform_one_gives_up),
	KUNIT_CASE(platform_diagnosed_hopeless),
	KUNIT_CASE(platform_operator_diagnosed),
	KUNIT_CASE(platform_diagnosed_gone),
	KUNIT_CASE(platform_max_freezes),
	KUNIT_CASE(platform_child_refuses),
	KUNIT_CASE(platform_child_is_left),
	KUNIT_CASE(platform_children_refuse),
	KUNIT_CASE(platform_thawed),
	KUNIT_CASE(platform_late),
#ifdef CONFIG_LOCKDEP
	KUNIT_CASE(platform_locks),
#endif
	{}
};

struct kunit_suite platform_suite = {
	.name = "pci_recovery_platform",
	.test_cases = platform_cases,
};
