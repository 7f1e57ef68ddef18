// SPDX-License-Identifier: GPL-2.0
/*
 * Gates when a driver is unbound: nobody is inside when remove() runs, also of a
 * driver that knows nothing of it, and the gate is what is released first.
 */

#include <linux/device.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "suites.h"
#include "../recovery.h"

/* What remove() sees. */
static struct pci_gate *gate;
static enum pci_gate_state seen;
static bool drained;

static void look(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_REMOVE)
		return;
	seen = pci_gate_state(gate);
	drained = pci_gate_drained(gate);
}

static struct fake_pe *a_pe(struct kunit *test, u16 driver)
{
	struct fake_pe *fpe = suite_pe(test, driver);

	gate = suite_gate(test, &fpe->fn[0]);
	seen = PCI_GATE_NR_STATES;
	drained = false;
	WRITE_ONCE(fpe->fn[0].hook, look);
	return fpe;
}

/* Inside for as long as that is possible. */
static long use(struct suite_task *task)
{
	int ret;

	complete(&task->begun);
	do {
		ret = pci_gate_tryenter(task->gate);
		if (!ret) {
			ret = pci_gate_msleep(task->gate, 20000, 0);
			pci_gate_exit(task->gate);
		}
	} while (!ret);
	return ret;
}

static void unbind_by_hand(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_UNAWARE);
	struct suite_task task;

	suite_start(test, &task, gate, use);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_EQ(test, seen, PCI_GATE_CLOSING);
	KUNIT_EXPECT_TRUE(test, drained);
	suite_end(test, &task);
	KUNIT_EXPECT_EQ(test, task.ret, -ENODEV);
}

/* By a recovery: another gate, on the same pci_dev. */
static void unbind_rebind(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_UNAWARE);
	struct pci_dev *pdev = fpe->fn[0].pdev;

	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.rung, PCI_RUNG_REBIND);
	KUNIT_EXPECT_EQ(test, seen, PCI_GATE_CLOSING);
	KUNIT_EXPECT_TRUE(test, drained);
	KUNIT_EXPECT_EQ(test, pci_gate_state(gate), PCI_GATE_CLOSING);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(gate->released));
	KUNIT_EXPECT_PTR_EQ(test, fpe->fn[0].pdev, pdev);
	KUNIT_EXPECT_EQ(test, pci_gate_state(suite_gate(test, &fpe->fn[0])),
			PCI_GATE_LIVE);
}

/*
 * What is held until remove() ends it: remove() is called after a while, and what
 * devres releases is released after the gate.
 */
static bool devres_after;

static void end_hold(struct fake_fn *fn, enum fake_call call)
{
	look(fn, call);
	if (call == FAKE_REMOVE)
		pci_gate_unhold(gate);
}

static void released(void *data)
{
	devres_after = READ_ONCE(gate->released);
}

static void unbind_held(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);
	struct device *dev = &fpe->fn[0].pdev->dev;

	devres_after = false;
	suite_limits(test, 100, 100);
	WRITE_ONCE(fpe->fn[0].hook, end_hold);
	KUNIT_ASSERT_EQ(test, devm_add_action(dev, released, NULL), 0);
	KUNIT_ASSERT_EQ(test, pci_gate_hold(gate), 0);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, seen, PCI_GATE_CLOSING);
	KUNIT_EXPECT_FALSE(test, drained);
	KUNIT_EXPECT_TRUE(test, devres_after);
}

/* Closed by remove() itself: that is all. */
static void close_it(struct fake_fn *fn, enum fake_call call)
{
	if (call == FAKE_REMOVE)
		pci_gate_close(gate);
	look(fn, call);
}

static unsigned int actions;

static void count(void *data)
{
	actions++;
}

/* While that is being released there is no other gate. */
static bool found;

static void find(void *pdev)
{
	struct pci_gate *other = pci_gate_find(pdev);

	found = other == gate;
	pci_gate_put(other);
}

static void unbind_closed(struct kunit *test)
{
	struct fake_pe *fpe = a_pe(test, FAKE_AWARE);

	actions = 0;
	found = false;
	KUNIT_ASSERT_EQ(test, pci_gate_add_action(gate, find, fpe->fn[0].pdev),
			0);
	KUNIT_ASSERT_EQ(test, pci_gate_add_action(gate, count, NULL), 0);
	WRITE_ONCE(fpe->fn[0].hook, close_it);
	device_release_driver(&fpe->fn[0].pdev->dev);
	KUNIT_EXPECT_TRUE(test, drained);
	KUNIT_EXPECT_EQ(test, actions, 1);
	KUNIT_EXPECT_TRUE(test, found);
	KUNIT_EXPECT_NULL(test, pci_gate_find(fpe->fn[0].pdev));
}

/* A probe that fails after it has made a gate. */
static void make_gate(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_PROBE)
		return;
	gate = pci_gate_get(pcim_gate_create(fn->pdev));
	if (pci_gate_add_action(gate, count, NULL))
		actions += 100;
}

static void unbind_failed_probe(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct device *dev = &fpe->fn[0].pdev->dev;

	device_release_driver(dev);
	actions = 0;
	WRITE_ONCE(fpe->fn[0].hook, make_gate);
	atomic_set(&fpe->fn[0].fail_probes, 1);
	KUNIT_EXPECT_EQ(test, device_attach(dev), 0);
	KUNIT_EXPECT_EQ(test, actions, 1);
	KUNIT_EXPECT_EQ(test, pci_gate_tryenter(gate), -ENODEV);
	KUNIT_EXPECT_NULL(test, pci_gate_find(fpe->fn[0].pdev));
	pci_gate_put(gate);
}

/* Each allocation fails once: there is no gate, and all is as before. */
static void unbind_no_memory(struct kunit *test)
{
#ifdef CONFIG_FAILSLAB
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_dev *pdev = fpe->fn[0].pdev;
	struct pci_gate *made;
	unsigned int nth, failed = 0;
	bool left;
	void *p;

	WRITE_ONCE(current->fail_nth, 1);
	p = kmalloc(16, GFP_KERNEL);
	WRITE_ONCE(current->fail_nth, 0);
	kfree(p);
	if (p)
		kunit_skip(test, "failslab/ignore-gfp-wait is not N");
	for (nth = 1; nth < 20; nth++) {
		scoped_guard(device, &pdev->dev) {
			WRITE_ONCE(current->fail_nth, nth);
			made = pcim_gate_create(pdev);
			left = READ_ONCE(current->fail_nth);
			WRITE_ONCE(current->fail_nth, 0);
		}
		if (left)
			break;
		/* Some can be done without. */
		if (!IS_ERR(made)) {
			pci_gate_close(made);
			continue;
		}
		failed++;
		KUNIT_EXPECT_EQ(test, PTR_ERR(made), -ENOMEM);
		made = pci_gate_find(pdev);
		KUNIT_EXPECT_NULL(test, made);
		pci_gate_put(made);
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, made);
	KUNIT_EXPECT_GT(test, failed, 1);
	WRITE_ONCE(current->fail_nth, 1);
	KUNIT_EXPECT_EQ(test, pci_gate_add_action(made, count, NULL), -ENOMEM);
	WRITE_ONCE(current->fail_nth, 0);
#else
	kunit_skip(test, "needs CONFIG_FAILSLAB");
#endif
}

static struct kunit_case gate_unbind_cases[] = {
	KUNIT_CASE(unbind_by_hand),
	KUNIT_CASE(unbind_rebind),
	KUNIT_CASE(unbind_held),
	KUNIT_CASE(unbind_closed),
	KUNIT_CASE(unbind_failed_probe),
	KUNIT_CASE(unbind_no_memory),
	{}
};

struct kunit_suite gate_unbind_suite = {
	.name = "pci_gate_unbind",
	.test_cases = gate_unbind_cases,
};
