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
#include <linux/string.h>
#include <trace/events/printk.h>

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

/* The thaw needs the device lock, if it had to be waited for. */
static bool enter_locked(struct pci_gate *gate)
{
	int ret;

	guard(device)(&gate->pdev->dev);
	ret = pci_gate_enter(gate);
	if (!ret)
		pci_gate_exit(gate);
	return !ret;
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

/* Who is in an RCU section would wait for himself, if he had to. */
static bool drain_in_rcu(struct pci_gate *gate)
{
	int ret;

	pci_gate_freeze(gate);
	if (pci_gate_drain(gate, 10 * HZ))
		return false;
	rcu_read_lock();
	ret = pci_gate_drain(gate, 10 * HZ);
	rcu_read_unlock();
	return !ret;
}

/* With the word that has to be in the kernel's log. */
static const struct {
	const char *name;
	bool (*found)(struct pci_gate *gate);
	const char *word;
} cases[] = {
	{ "enter with the device lock", enter_locked, "gate_wait.c:" },
	{ "drain inside", drain_inside, "gate_drain.c:" },
	{ "enter inside", enter_inside, "gate_wait.c:" },
	{ "wait for the thaw inside", wait_inside, "gate_wait.c:" },
	/* That was in the log before, and is there once. */
	{ "drain in a cancel callback", drain_cancel, "" },
	{ "lock inside and around a drain", lock_inside, "circular" },
	/* Not lockdep any more, which is off now. */
	{ "drain in an RCU section", drain_in_rcu, "sleeping function called" },
};

static const char *word;
static bool logged;

static void look(void *unused, const char *text, size_t len)
{
	if (strnstr(text, READ_ONCE(word), len))
		WRITE_ONCE(logged, true);
}

static bool is_found(struct pci_gate *gate, int i)
{
	WRITE_ONCE(word, cases[i].word);
	WRITE_ONCE(logged, false);
	return cases[i].found(gate) && (!*word || READ_ONCE(logged));
}

static int try_all(struct pci_gate *gate)
{
	int i, ret;

	word = "";
	ret = register_trace_console(look, NULL);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!is_found(gate, i)) {
			pr_err("%s: not found\n", cases[i].name);
			ret = -EIO;
		}
		pci_gate_thaw(gate);
	}
	unregister_trace_console(look, NULL);
	tracepoint_synchronize_unregister();
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
