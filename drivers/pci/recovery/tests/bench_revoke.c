// SPDX-License-Identifier: GPL-2.0
/*
 * What is taken away: how long until nobody uses it, and for how many grace periods.
 *
 * "gate" is one drain for all resources of a function, or one for all functions.
 * "each" is the reference: it waits for the users of one, then for those of the
 * next, as everybody does who protects each resource on its own.
 */

#include <linux/device.h>
#include <linux/pci.h>
#include <linux/pci-gate.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "bench.h"

#define MAX_RESOURCES	1024

/* The gate of the function of a PE, which stays while it has its driver. */
struct pci_gate *bench_gate(unsigned int index)
{
	struct pci_dev *pdev = bench_pe(index)->fn[0].pdev;

	guard(device)(&pdev->dev);
	return pcim_gate_create(pdev);
}

struct revocation {
	unsigned int n;
	unsigned long gp;
	ktime_t begin;
	void *resources[MAX_RESOURCES];
	struct pci_gate *gates[FAKE_PES];
};

static void begin(struct revocation *r)
{
	/* Not in the middle of one of somebody else's. */
	synchronize_rcu();
	r->gp = get_state_synchronize_rcu();
	r->begin = ktime_get();
}

static void end(struct revocation *r, const char *what, const char *how)
{
	u64 us = ktime_us_delta(ktime_get(), r->begin);
	unsigned long gp = get_state_synchronize_rcu();

	bench_begin(what);
	bench_text("how", how);
	bench_number("n", r->n);
	bench_number("us", us);
	/* The lowest two bits are no number. */
	bench_number("grace_periods", (gp - r->gp) / 4);
	bench_end();
}

static void release(void *resource)
{
	kfree(resource);
}

static int allocate(struct revocation *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++) {
		r->resources[i] = kmalloc(64, GFP_KERNEL);
		if (!r->resources[i])
			break;
	}
	if (i == r->n)
		return 0;
	while (i--)
		kfree(r->resources[i]);
	return -ENOMEM;
}

static void revoke_each(struct revocation *r)
{
	unsigned int i;

	begin(r);
	for (i = 0; i < r->n; i++) {
		synchronize_rcu();
		release(r->resources[i]);
	}
	end(r, "revoke", "each");
}

static int revoke_gate(struct revocation *r)
{
	struct pci_gate *gate = bench_gate(0);
	unsigned int i;
	int ret = PTR_ERR_OR_ZERO(gate);

	for (i = 0; i < r->n; i++) {
		if (!ret)
			ret = pci_gate_add_action(gate, release,
						  r->resources[i]);
		if (ret)
			release(r->resources[i]);
	}
	if (IS_ERR(gate))
		return ret;
	begin(r);
	pci_gate_close(gate);
	end(r, "revoke", "gate");
	return ret;
}

static int revoke(struct revocation *r, bool each)
{
	int ret;

	if (r->n > MAX_RESOURCES)
		return -EINVAL;
	ret = allocate(r);
	if (ret)
		return ret;
	if (!each)
		return revoke_gate(r);
	revoke_each(r);
	return 0;
}

static int drain_each(struct revocation *r)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < r->n && !ret; i++) {
		pci_gate_freeze(r->gates[i]);
		ret = pci_gate_drain(r->gates[i], MAX_SCHEDULE_TIMEOUT);
	}
	return ret;
}

static int drain_many(struct revocation *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		pci_gate_freeze(r->gates[i]);
	return pci_gate_drain_many(r->gates, r->n, MAX_SCHEDULE_TIMEOUT);
}

static int drain(struct revocation *r, bool each)
{
	unsigned int i;
	int ret;

	if (!bench_pe(r->n - 1))
		return -EINVAL;
	for (i = 0; i < r->n; i++) {
		r->gates[i] = bench_gate(i);
		if (IS_ERR(r->gates[i]))
			return PTR_ERR(r->gates[i]);
	}
	begin(r);
	ret = each ? drain_each(r) : drain_many(r);
	end(r, "drain", each ? "each" : "gate");
	for (i = 0; i < r->n; i++)
		pci_gate_thaw(r->gates[i]);
	return ret;
}

static int run(const char *args, int (*what)(struct revocation *r, bool each))
{
	struct revocation *r = kvzalloc(sizeof(*r), GFP_KERNEL);
	char how[16];
	int ret = -EINVAL;

	if (!r)
		return -ENOMEM;
	if (sscanf(args, "%15s %u", how, &r->n) == 2 && r->n && bench_pe(0))
		ret = what(r, !strcmp(how, "each"));
	kvfree(r);
	return ret;
}

int bench_revoke(const char *args)
{
	return run(args, revoke);
}

int bench_drain(const char *args)
{
	return run(args, drain);
}
