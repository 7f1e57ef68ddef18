// SPDX-License-Identifier: GPL-2.0
/*
 * What user space is told: once that it begins, and once how it ended.
 */

#include <linux/pci.h>
#include <linux/spinlock.h>

#include "suites.h"

#define EVENTS 32

/* Which device, and the first letter of BEGIN, SUCCESSFUL and FAILED. */
static const struct device *devs[EVENTS];
static char letters[EVENTS];
static unsigned int events;
static DEFINE_SPINLOCK(lock);

static int record(const struct device *dev, struct kobj_uevent_env *env)
{
	const char *event;
	int i;

	guard(spinlock)(&lock);
	for (i = 0; i < env->envp_idx && events < EVENTS; i++) {
		event = env->envp[i];
		if (!str_has_prefix(event, "ERROR_EVENT="))
			continue;
		devs[events] = dev;
		letters[events++] = event[strlen("ERROR_EVENT=")];
	}
	return 0;
}

/* The type that all PCI functions have, and an ear that they have meanwhile. */
static const struct device_type *real;
static const struct device_type listening = { .uevent = record };

static int listen(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;

	if (action == BUS_NOTIFY_ADD_DEVICE && dev->type != &listening) {
		real = dev->type;
		dev->type = &listening;
	}
	if (action == BUS_NOTIFY_DEL_DEVICE && dev->type == &listening)
		dev->type = real;
	return NOTIFY_OK;
}

static struct notifier_block listener = { .notifier_call = listen };

/* Before anything that a test adds, and until that is gone. */
static void unlisten(void *unused)
{
	bus_unregister_notifier(&pci_bus_type, &listener);
}

static int uevent_init(struct kunit *test)
{
	int ret;

	events = 0;
	ret = bus_register_notifier(&pci_bus_type, &listener);
	return ret ?: kunit_add_action_or_reset(test, unlisten, NULL);
}

static void expect_events(struct kunit *test, struct fake_fn *fn,
			  const char *expected)
{
	char found[EVENTS + 1];
	unsigned int i, n = 0;

	for (i = 0; i < events; i++) {
		if (devs[i] == &fn->pdev->dev)
			found[n++] = letters[i];
	}
	found[n] = '\0';
	KUNIT_EXPECT_STREQ(test, found, expected);
}

static void uevent_success(struct kunit *test)
{
	static const u16 drivers[] = { FAKE_AWARE, FAKE_UNAWARE,
				       FAKE_DRIVERLESS };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 3, drivers);

	suite_error(test, fpe);
	expect_events(test, &fpe->fn[0], "BS");
	expect_events(test, &fpe->fn[1], "BS");
	expect_events(test, &fpe->fn[2], "BS");
}

static void uevent_failure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	expect_events(test, &fpe->fn[0], "BF");
}

/* Each function has its own end. */
static void uevent_one_gives_up(struct kunit *test)
{
	static const u16 both[] = { FAKE_AWARE, FAKE_AWARE };
	struct fake_pe *fpe = suite_pe_below(test, NULL, 2, both);

	fpe->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	fpe->fn[1].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_CAN_RECOVER;
	suite_error(test, fpe);
	expect_events(test, &fpe->fn[0], "BF");
	expect_events(test, &fpe->fn[1], "BS");
}

/* What is not the core's to recover is not its to talk about. */
static void uevent_refused(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	fpe->refuse = true;
	suite_error(test, fpe);
	fpe->refuse = false;
	fake_fail(fpe, FAKE_FREEZE, 0, 1, -ESTALE);
	pci_recovery_report(&fpe->pe, PCI_REPORT_UNSURE);
	suite_wait(test, fpe, 2);
	expect_events(test, &fpe->fn[0], "");
}

static void uevent_child_refuses(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *other = suite_pe_below(test, parent, 1, &aware);
	struct fake_pe *ours = suite_pe_below(test, parent, 1, &aware);

	other->refuse = true;
	suite_error(test, parent);
	expect_events(test, &other->fn[0], "");
	expect_events(test, &ours->fn[0], "BS");
}

/* As vfio-pci, which nobody has opened. */
static void uevent_child_is_managed(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE, unaware = FAKE_UNAWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *other = suite_pe_below(test, parent, 1, &unaware);
	struct fake_pe *ours = suite_pe_below(test, parent, 1, &aware);
	struct pci_dev *pdev = other->fn[0].pdev;
	struct pci_driver *drv = to_pci_driver(pdev->dev.driver);

	drv->driver_managed_dma = true;
	suite_error(test, parent);
	expect_events(test, &other->fn[0], "");
	expect_events(test, &ours->fn[0], "BS");

	/* A failure is not theirs either. */
	ours->fn[0].vote[FAKE_ERROR_DETECTED] = PCI_ERS_RESULT_DISCONNECT;
	suite_error(test, parent);
	expect_events(test, &other->fn[0], "");
	expect_channel(test, ours->fn[0].pdev, pci_channel_io_perm_failure);
	/* Nor is what an operator asks for. */
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&parent->pe), 0);
	drv->driver_managed_dma = false;
	KUNIT_EXPECT_EQ(test, atomic_read(&ours->fn[0].called[FAKE_REMOVE]), 1);
	KUNIT_EXPECT_NE(test, (__force u32)pdev->error_state,
			(__force u32)pci_channel_io_perm_failure);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->fn[0].called[FAKE_REMOVE]), 0);
}

/* Pulled meanwhile, but still there for user space. */
static struct fake_pe *pulled;

static void pull(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET)
		fake_gone(pulled);
}

static void uevent_gone(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);

	pulled = fpe;
	WRITE_ONCE(fpe->hook, pull);
	suite_error(test, fpe);
	expect_events(test, &fpe->fn[0], "BF");
}

static void uevent_child_gone(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *parent = suite_pe_below(test, NULL, 0, NULL);
	struct fake_pe *ours = suite_pe_below(test, parent, 1, &aware);

	pulled = suite_pe_below(test, parent, 1, &aware);
	WRITE_ONCE(parent->hook, pull);
	suite_error(test, parent);
	expect_events(test, &pulled->fn[0], "BF");
	expect_events(test, &ours->fn[0], "BS");
}

/* One episode goes on with what the other has begun, and tells how it ended. */
static struct fake_pe *above;

static void fail_above(struct fake_pe *fpe, enum fake_op op)
{
	if (op == FAKE_RESET && !above->log.begins)
		fake_error(above);
}

static void uevent_absorbed(struct kunit *test)
{
	static const u16 aware = FAKE_AWARE;
	struct fake_pe *fpe;

	above = suite_pe_below(test, NULL, 0, NULL);
	fpe = suite_pe_below(test, above, 1, &aware);
	fpe->reset_ms = 500;
	WRITE_ONCE(fpe->hook, fail_above);
	suite_error(test, fpe);
	suite_wait(test, above, 1);
	KUNIT_EXPECT_EQ(test, fpe->log.outcomes[PCI_RECOVERY_ABSORBED], 1);
	expect_events(test, &fpe->fn[0], "BS");
}

/* It is a new function that has recovered. */
static void uevent_rescan(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_DRIVERLESS);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESCAN);
	KUNIT_EXPECT_EQ(test, events, 2);
	expect_events(test, &fpe->fn[0], "S");
}

/* ... unless that is pulled at once. */
static void pull_in_probe(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_PROBE)
		fake_gone(fn->fpe);
}

static void uevent_gone_in_rescan(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_UNAWARE);

	fake_fail(fpe, FAKE_RESET, 0, 100, -EIO);
	fake_fail(fpe, FAKE_DEEP_RESET, 0, 100, -EIO);
	WRITE_ONCE(fpe->fn[0].hook, pull_in_probe);
	KUNIT_EXPECT_EQ(test, pci_recovery_run(&fpe->pe), -ENODEV);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_RESCAN);
	expect_events(test, &fpe->fn[0], "F");
}

static struct kunit_case uevent_cases[] = {
	KUNIT_CASE(uevent_success),
	KUNIT_CASE(uevent_failure),
	KUNIT_CASE(uevent_one_gives_up),
	KUNIT_CASE(uevent_refused),
	KUNIT_CASE(uevent_child_refuses),
	KUNIT_CASE(uevent_child_is_managed),
	KUNIT_CASE(uevent_gone),
	KUNIT_CASE(uevent_child_gone),
	KUNIT_CASE(uevent_absorbed),
	KUNIT_CASE(uevent_rescan),
	KUNIT_CASE(uevent_gone_in_rescan),
	{}
};

struct kunit_suite uevent_suite = {
	.name = "pci_recovery_uevent",
	.init = uevent_init,
	.test_cases = uevent_cases,
};
