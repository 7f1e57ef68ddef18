// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to enter a gate and to exit, when nobody shuts it: against other
 * ways to keep something from going away.
 *
 * A command is one round, in which it is each one's turn once.  What a loop costs
 * in which nothing is done is told as well: it is in all the others.
 */

#include <linux/compiler.h>
#include <linux/kstrtox.h>
#include <linux/pci-gate.h>
#include <linux/percpu-rwsem.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/srcu.h>

#include "bench.h"

DEFINE_STATIC_SRCU(srcu);
DEFINE_STATIC_PERCPU_RWSEM(rwsem);
static refcount_t refs = REFCOUNT_INIT(1);
static bool unplugged;

static void empty(struct pci_gate *gate, unsigned int n)
{
	while (n--) {
		/* Not unrolled, as none of the others can be. */
		barrier_data(n);
	}
}

static void gate_atomic(struct pci_gate *gate, unsigned int n)
{
	while (n--) {
		if (!pci_gate_enter_atomic(gate))
			continue;
		barrier();
		pci_gate_exit_atomic(gate);
	}
}

static void gate_sleep(struct pci_gate *gate, unsigned int n)
{
	while (n--) {
		if (pci_gate_tryenter(gate))
			continue;
		barrier();
		pci_gate_exit(gate);
	}
}

static void plain_rcu(struct pci_gate *gate, unsigned int n)
{
	while (n--) {
		rcu_read_lock();
		barrier_data(n);
		rcu_read_unlock();
	}
}

static void plain_srcu(struct pci_gate *gate, unsigned int n)
{
	int idx;

	while (n--) {
		idx = srcu_read_lock(&srcu);
		barrier();
		srcu_read_unlock(&srcu, idx);
	}
}

/* Not in 6.12. */
#ifdef DEFINE_STATIC_SRCU_FAST
DEFINE_STATIC_SRCU_FAST(srcu_fast);

static void fast_srcu(struct pci_gate *gate, unsigned int n)
{
	struct srcu_ctr __percpu *ctr;

	while (n--) {
		ctr = srcu_read_lock_fast(&srcu_fast);
		barrier();
		srcu_read_unlock_fast(&srcu_fast, ctr);
	}
}
#endif

static void percpu_rwsem(struct pci_gate *gate, unsigned int n)
{
	while (n--) {
		percpu_down_read(&rwsem);
		barrier();
		percpu_up_read(&rwsem);
	}
}

/* What drm_dev_enter() does, where it does it: not inline. */
static noinline bool drm_enter(int *idx)
{
	*idx = srcu_read_lock(&srcu);
	if (READ_ONCE(unplugged)) {
		srcu_read_unlock(&srcu, *idx);
		return false;
	}
	return true;
}

static noinline void drm_exit(int idx)
{
	srcu_read_unlock(&srcu, idx);
}

static void drm(struct pci_gate *gate, unsigned int n)
{
	int idx;

	while (n--) {
		if (!drm_enter(&idx))
			continue;
		barrier();
		drm_exit(idx);
	}
}

static void refcount(struct pci_gate *gate, unsigned int n)
{
	while (n--) {
		if (!refcount_inc_not_zero(&refs))
			continue;
		barrier();
		if (refcount_dec_and_test(&refs))
			break;
	}
}

static const struct {
	const char *name;
	void (*loop)(struct pci_gate *gate, unsigned int n);
} sections[] = {
	{ "empty", empty },
	{ "atomic", gate_atomic },
	{ "sleep", gate_sleep },
	{ "rcu", plain_rcu },
#ifdef DEFINE_STATIC_SRCU_FAST
	{ "srcu_fast", fast_srcu },
#endif
	{ "srcu", plain_srcu },
	{ "drm", drm },
	{ "percpu_rwsem", percpu_rwsem },
	{ "refcount", refcount },
};

/* In picoseconds, for an entry and an exit. */
static u64 measure(int i, struct pci_gate *gate, unsigned int n)
{
	ktime_t begin;
	u64 ns;

	migrate_disable();
	begin = ktime_get();
	sections[i].loop(gate, n);
	ns = ktime_to_ns(ktime_sub(ktime_get(), begin));
	migrate_enable();
	return div_u64(ns * 1000, n);
}

int bench_section(const char *args)
{
	struct pci_gate *gate;
	unsigned int n;
	int i;

	if (kstrtouint(args, 0, &n) || !n || !bench_pe(0))
		return -EINVAL;
	gate = bench_gate(0);
	if (IS_ERR(gate))
		return PTR_ERR(gate);
	bench_begin("section");
	for (i = 0; i < ARRAY_SIZE(sections); i++)
		bench_number(sections[i].name, measure(i, gate, n));
	bench_end();
	/* What is shut costs nothing. */
	return pci_gate_error(gate);
}
