// SPDX-License-Identifier: GPL-2.0
/*
 * What must not be done with a gate, for lockdep to find: without anybody being in
 * the way, for the first time that the code is run.
 *
 * The kernel's log has warnings after that, and lockdep is off.
 */

#define pr_fmt(fmt) "pci_gate_torture: " fmt

#include <linux/debug_locks.h>
#include <linux/device.h>
#include <linux/pci.h>

#include "gate_torture.h"

static DEFINE_MUTEX(mutex);

/* One who is inside waits until nobody is. */
static bool drain_inside(struct pci_gate *gate)
{
	int ret;

	if (pci_gate_tryenter(gate))
		return false;
	pci_gate_freeze(gate);
	ret = pci_gate_drain(gate, HZ / 10);
	pci_gate_exit(gate);
	return ret == -EDEADLK;
}

/* One who is inside waits for the thaw. */
static bool enter_inside(struct pci_gate *gate)
{
	int ret;

	if (pci_gate_tryenter(gate))
		return false;
	ret = pci_gate_enter(gate);
	if (!ret)
		pci_gate_exit(gate);
	pci_gate_exit(gate);
	return ret == -EDEADLK;
}

/* One who is inside waits for what comes after the thaw. */
static bool wait_inside(struct pci_gate *gate)
{
	int ret;

	if (pci_gate_tryenter(gate))
		return false;
	pci_gate_freeze(gate);
	ret = pci_gate_msleep(gate, 1000, PCI_GATE_WAIT_THAW);
	pci_gate_exit(gate);
	return ret == -EAGAIN;
}

static struct pci_gate_cancel cancel;
static int cancel_ret;

static void drain_in_cancel(struct pci_gate *gate, struct pci_gate_cancel *cancel,
			    enum pci_gate_state state)
{
	cancel_ret = pci_gate_drain(gate, HZ / 10);
}

/* A callback waits until it has returned. */
static bool drain_cancel(struct pci_gate *gate)
{
	cancel.cancel = drain_in_cancel;
	if (pci_gate_cancel_add(gate, &cancel))
		return false;
	pci_gate_freeze(gate);
	if (pci_gate_drain(gate, 10 * HZ))
		return false;
	pci_gate_cancel_del(gate, &cancel);
	return cancel_ret == -EDEADLK;
}

/* A lock that is taken inside is held around a drain.  Lockdep is off after it. */
static bool lock_inside(struct pci_gate *gate)
{
	if (pci_gate_tryenter(gate))
		return false;
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	pci_gate_exit(gate);
	if (!debug_locks)
		return false;

	mutex_lock(&mutex);
	pci_gate_freeze(gate);
	pci_gate_drain(gate, 10 * HZ);
	mutex_unlock(&mutex);
	return !debug_locks;
}

static const struct {
	const char *name;
	bool (*found)(struct pci_gate *gate);
} cases[] = {
	{ "drain inside", drain_inside },
	{ "enter inside", enter_inside },
	{ "wait for the thaw inside", wait_inside },
	{ "drain in a cancel callback", drain_cancel },
	{ "lock inside and around a drain", lock_inside },
};

static int try_all(struct pci_gate *gate)
{
	int i, ret = 0;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!cases[i].found(gate)) {
			pr_err("%s: not found\n", cases[i].name);
			ret = -EIO;
		}
		pci_gate_thaw(gate);
	}
	pr_info("%s deadlocks=%zu\n", ret ? "FAIL" : "PASS", ARRAY_SIZE(cases));
	return ret;
}

/* Each case, on the gate of one device. */
int gate_deadlock(void)
{
	struct fake_pe *fpe = fake_pe_get(NULL);
	struct pci_gate *gate = NULL;
	int ret = -ENODEV;

	if (fpe && !fake_fn_add(&fpe->fn[0], FAKE_AWARE)) {
		scoped_guard(device, &fpe->fn[0].pdev->dev)
			gate = pcim_gate_create(fpe->fn[0].pdev);
	}
	if (!IS_ERR_OR_NULL(gate))
		ret = try_all(gate);
	fake_pe_put(fpe);
	return ret;
}
