// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that fail together: how long until the last of them works again.
 *
 * "together" reports one error after the other, from one thread and without
 * waiting, as a platform does.  "serial" is the reference: it reports one, waits
 * for its end, and goes on to the next, which is what handling errors in the
 * thread that gets them amounts to.  All else is the same, the core included.
 */

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "bench.h"
#include "../recovery.h"

#define HOTPLUG_SAMPLES	SZ_256K

static struct fake_pe *pes[FAKE_PES];
static char drivers[16] = "none";

/* A PE that was set up, or NULL. */
struct fake_pe *bench_pe(unsigned int index)
{
	return index < FAKE_PES ? pes[index] : NULL;
}

/* The driver of the function with that number; negative if there is no such. */
int bench_driver(const char *name, unsigned int index)
{
	if (!strcmp(name, "aware"))
		return FAKE_AWARE;
	if (!strcmp(name, "unaware"))
		return FAKE_UNAWARE;
	if (!strcmp(name, "mixed"))
		return index % 2 ? FAKE_UNAWARE : FAKE_AWARE;
	return -EINVAL;
}

/* How long each callback, and remove() and probe(), and a reset take. */
static void set_times(struct fake_pe *fpe, unsigned int call_ms,
		      unsigned int reset_ms)
{
	int i;

	for (i = 0; i < FAKE_NR_CALLS; i++)
		WRITE_ONCE(fpe->fn[0].ms[i], call_ms);
	fpe->reset_ms = reset_ms;
}

void bench_drop(void)
{
	int i;

	for (i = 0; i < FAKE_PES && pes[i]; i++) {
		set_times(pes[i], 0, 0);
		fake_pe_put(pes[i]);
		pes[i] = NULL;
		cond_resched();
	}
}

int bench_setup(const char *args)
{
	unsigned int i, n;
	int ret = 0;

	if (sscanf(args, "%u %15s", &n, drivers) != 2 || n > FAKE_PES ||
	    bench_driver(drivers, 0) < 0)
		return -EINVAL;
	bench_drop();
	for (i = 0; i < n && !ret; i++) {
		pes[i] = fake_pe_get(NULL);
		if (!pes[i])
			return -ENOMEM;
		pes[i]->pe.max_freezes = UINT_MAX;
		ret = fake_fn_add(&pes[i]->fn[0], bench_driver(drivers, i));
		cond_resched();
	}
	return ret;
}

/* Until an episode has ended since there were @episodes; false if none does. */
bool bench_wait(struct fake_pe *fpe, u32 episodes)
{
	return wait_var_event_timeout(&fpe->pe.episodes,
				      READ_ONCE(fpe->pe.episodes) != episodes,
				      msecs_to_jiffies(BENCH_LIMIT_MS));
}

/* CPU time of all tasks, in nanoseconds: was there a CPU to spare? */
static u64 busy_ns(void)
{
	struct task_struct *g, *t;
	u64 ns = 0;

	guard(rcu)();
	for_each_process_thread(g, t)
		ns += READ_ONCE(t->se.sum_exec_runtime);
	return ns;
}

/* Somebody who adds and removes functions, as far as locks are concerned. */
static int hotplug(void *data)
{
	ktime_t begin;

	while (!kthread_should_stop()) {
		begin = ktime_get();
		pci_lock_rescan_remove();
		bench_sample(data, begin);
		pci_unlock_rescan_remove();
		usleep_range(1000, 2000);
	}
	return 0;
}

struct recovery {
	unsigned int n;
	unsigned int call_ms;
	unsigned int reset_ms;
	bool serial;
	bool hotplug;
	u32 episodes[FAKE_PES];
	ktime_t begin;
	u64 report_us;
	u64 us;
	u64 busy_us;
};

static int fail(struct recovery *r)
{
	unsigned int i;
	u64 busy;

	busy = busy_ns();
	r->begin = ktime_get();
	for (i = 0; i < r->n; i++) {
		if (!fake_error(pes[i]))
			return -EIO;
		if (r->serial && !bench_wait(pes[i], r->episodes[i]))
			return -ETIMEDOUT;
	}
	r->report_us = ktime_us_delta(ktime_get(), r->begin);
	for (i = 0; i < r->n; i++) {
		if (!bench_wait(pes[i], r->episodes[i]))
			return -ETIMEDOUT;
	}
	r->us = ktime_us_delta(ktime_get(), r->begin);
	r->busy_us = div_u64(busy_ns() - busy, NSEC_PER_USEC);
	return 0;
}

/* Every PE had one episode, which was good for something. */
static bool all_recovered(struct recovery *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++) {
		fake_idle(pes[i]);
		if (pes[i]->pe.episodes != r->episodes[i] + 1 ||
		    pes[i]->pe.outcome != PCI_RECOVERY_RECOVERED)
			return false;
	}
	return true;
}

static int fail_and_hotplug(struct recovery *r, struct bench_samples *waits)
{
	struct task_struct *task;
	int ret;

	if (!r->hotplug)
		return fail(r);
	task = kthread_run(hotplug, waits, "bench_hotplug");
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* Not together with the start of a thread. */
	msleep(20);
	ret = fail(r);
	kthread_stop(task);
	return ret;
}

static void emit(struct recovery *r, struct bench_samples *waits)
{
	bench_begin("recover");
	bench_text("how", r->serial ? "serial" : "together");
	bench_number("n", r->n);
	bench_text("drivers", drivers);
	bench_number("call_ms", r->call_ms);
	bench_number("reset_ms", r->reset_ms);
	bench_number("hotplug", r->hotplug);
	bench_number("us", r->us);
	bench_number("report_us", r->report_us);
	bench_number("busy_us", r->busy_us);
	if (r->hotplug)
		bench_times("hotplug_ns", waits);
	bench_end();
}

static int run(struct recovery *r, struct bench_samples *waits)
{
	unsigned int i;
	int ret;

	for (i = 0; i < r->n; i++) {
		set_times(pes[i], r->call_ms, r->reset_ms);
		r->episodes[i] = READ_ONCE(pes[i]->pe.episodes);
	}
	ret = fail_and_hotplug(r, waits);
	if (!ret && !all_recovered(r))
		ret = -EIO;
	if (!ret)
		emit(r, waits);
	return ret;
}

int bench_recover(const char *args)
{
	struct bench_samples waits = {};
	unsigned int hotplug;
	struct recovery *r;
	char how[16];
	int ret;

	r = kvzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	ret = -EINVAL;
	if (sscanf(args, "%15s %u %u %u %u", how, &r->n, &r->call_ms,
		   &r->reset_ms, &hotplug) == 5 && r->n && bench_pe(r->n - 1)) {
		r->serial = !strcmp(how, "serial");
		r->hotplug = hotplug;
		ret = bench_samples_init(&waits, HOTPLUG_SAMPLES);
	}
	if (!ret)
		ret = run(r, &waits);
	bench_samples_free(&waits);
	kvfree(r);
	return ret;
}
