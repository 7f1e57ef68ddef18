// SPDX-License-Identifier: GPL-2.0
/*
 * Torture test of the PCI error recovery core, in the manner of rcutorture.
 *
 * Threads report errors, recover, bind, unbind, remove, scan, read and change
 * limits at random on PEs of the fake platform, whose operations, drivers and
 * devices misbehave at random.  Every stat_interval seconds the storm stops,
 * and what must hold then is checked; some is checked all the time.
 *
 *	insmod pci_recovery_torture.ko [seconds=60] [pes=8] [threads=N] [seed=N]
 *
 * returns when it is over, with 0 or -EIO, and the last line in the log is a
 * summary.
 *
 * A seed gives each thread the same sequence of actions again.  It does not give
 * the same interleaving: that is the scheduler's, and so is how much of its
 * sequence a thread gets done in the time.
 */

#define pr_fmt(fmt) "pci_recovery_torture: " fmt

#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "torture.h"
#include "../recovery.h"

static unsigned int seconds = 60;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long");

static unsigned int pes = 8;
module_param(pes, uint, 0444);
MODULE_PARM_DESC(pes, "number of PEs");

static unsigned int threads;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "number of threads, 0: two for each CPU");

static ulong seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of the threads' sequences, 0: any");

static unsigned int stat_interval = 10;
module_param(stat_interval, uint, 0444);
MODULE_PARM_DESC(stat_interval, "seconds from one check of everything to the next");

unsigned int torture_limit = 30;
module_param_named(limit, torture_limit, uint, 0444);
MODULE_PARM_DESC(limit, "seconds after which something is stuck");

static unsigned int verbose;
module_param(verbose, uint, 0444);
MODULE_PARM_DESC(verbose, "1: what was done, at each check, 2: each action");

/* After so many no PE is described any more. */
#define DUMPS 5

/**
 * struct torture_thread - a thread of the storm
 * @task: it
 * @nr: its number
 * @rnd: its random numbers
 * @action: what it does
 * @tpe: to which PE
 */
struct torture_thread {
	struct task_struct *task;
	unsigned int nr;
	struct rnd_state rnd;
	struct torture_action *action;
	struct torture_pe *tpe;
};

struct torture_pe *torture_pes;
struct torture_pe *torture_end;
static struct torture_thread *pool;
static atomic_t errors;
static bool storming;
static unsigned long began;

/* Held for reading by each thread in an action, for writing between storms. */
static DECLARE_RWSEM(storm);

/* Something does not hold.  May sleep, unless there were many before. */
void torture_error(struct torture_pe *tpe, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_err("%s: %pV\n", tpe ? tpe->fpe->pe.name : "all", &vaf);
	va_end(args);
	if (atomic_inc_return(&errors) <= DUMPS && tpe)
		fake_dump(tpe->fpe);
}

/*
 * What PE is what.  Eight of them are a set: single functions and several, of
 * drivers of all kinds; one tree of three, and one with nothing at its top.
 */
static const struct shape {
	int parent;
	bool kept;
	unsigned int fns;
	u16 driver[4];
} shapes[] = {
	{ -1, true, 1, { FAKE_AWARE } },
	{ -1, true, 4, { FAKE_AWARE, FAKE_UNAWARE, FAKE_DRIVERLESS,
			 FAKE_HAS_ERROR_DETECTED } },
	{ -1, false, 1, { FAKE_AWARE } },
	{ 2, false, 2, { FAKE_UNAWARE, FAKE_AWARE } },
	{ 3, false, 2, { FAKE_DRIVERLESS,
			 FAKE_HAS_ERROR_DETECTED | FAKE_HAS_RESUME } },
	{ -1, true, 0 },
	{ 5, true, 2, { FAKE_AWARE, FAKE_UNAWARE } },
	{ -1, false, 3, { FAKE_DRIVERLESS, FAKE_AWARE,
			  FAKE_AWARE & ~FAKE_HAS_SLOT_RESET } },
};

static int pe_create(unsigned int i)
{
	const struct shape *shape = &shapes[i % ARRAY_SIZE(shapes)];
	struct torture_pe *set = torture_pes + i - i % ARRAY_SIZE(shapes);
	struct torture_pe *tpe = torture_pes + i;
	unsigned int f;
	int ret;

	tpe->parent = shape->parent < 0 ? NULL : set + shape->parent;
	tpe->root = tpe->parent ? tpe->parent->root : tpe;
	tpe->seen = jiffies;
	tpe->kept = shape->kept;
	/* Nothing is below the last. */
	tpe->fns = shape->fns ?: i + 1 == pes;
	mutex_init(&tpe->hotplug);
	tpe->fpe = fake_pe_get(tpe->parent ? tpe->parent->fpe : NULL);
	if (!tpe->fpe)
		return -ENODEV;
	tpe->fpe->priv = tpe;
	tpe->fpe->log.last_only = true;
	tpe->before = tpe->fpe->pe.episodes;
	WRITE_ONCE(tpe->fpe->hook, torture_op_hook);
	for (f = 0; f < tpe->fns; f++) {
		struct torture_fn *tfn = &tpe->fn[f];

		tfn->tpe = tpe;
		tfn->fn = &tpe->fpe->fn[f];
		tfn->driver = shape->driver[f];
		WRITE_ONCE(tfn->fn->hook, torture_hook);
		ret = torture_plug(tfn);
		if (ret)
			return ret;
		tfn->pdev = tfn->fn->pdev;
		if (!tfn->scanned)
			memcpy(tfn->cfg, tfn->fn->cfg, FAKE_CFG_SIZE);
		tfn->scanned = true;
	}
	return 0;
}

static int pes_create(void)
{
	unsigned int i;
	int ret = 0;

	torture_pes = kvcalloc(pes, sizeof(*torture_pes), GFP_KERNEL);
	if (!torture_pes)
		return -ENOMEM;
	torture_end = torture_pes + pes;
	for (i = 0; i < pes && !ret; i++)
		ret = pe_create(i);
	torture_calm();
	return ret;
}

/* From the bottom, for a PE that has functions below it cannot move. */
static void pes_destroy(void)
{
	struct torture_pe *tpe;

	for (tpe = torture_end; tpe-- != torture_pes;)
		fake_pe_put(tpe->fpe);
	kvfree(torture_pes);
	fake_limits(10000, 1000);
}

static void act(struct torture_thread *t)
{
	u32 r[TORTURE_DRAWS + 4];
	struct torture_pe *tpe;
	struct torture_fn *tfn;
	int i;

	for (i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = prandom_u32_state(&t->rnd);
	tpe = torture_pes + r[0] % pes;
	/* One without functions is followed by one below it. */
	tfn = tpe->fns ? &tpe->fn[r[1] % tpe->fns] : &tpe[1].fn[0];
	WRITE_ONCE(t->tpe, tpe);
	WRITE_ONCE(t->action, torture_pick(r[2]));
	if (verbose > 1)
		pr_info("%u: %s of %s\n", t->nr, t->action->name,
			tpe->fpe->pe.name);
	if (!t->action->wild || !tpe->kept) {
		t->action->run(tpe, tfn, r + 4);
		atomic_inc(&t->action->done);
	}
	WRITE_ONCE(t->action, NULL);
	if (r[3] % 4)
		msleep(r[3] / 4 % 16);
}

static int torture_thread(void *data)
{
	struct torture_thread *t = data;

	while (!kthread_should_stop()) {
		if (!READ_ONCE(storming)) {
			schedule_timeout_idle(HZ / 50);
			continue;
		}
		down_read(&storm);
		if (READ_ONCE(storming))
			act(t);
		up_read(&storm);
	}
	return 0;
}

static int threads_start(void)
{
	struct torture_thread *t;
	unsigned int i;

	pool = kcalloc(threads, sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return -ENOMEM;
	for (i = 0; i < threads; i++) {
		t = &pool[i];
		t->nr = i;
		prandom_seed_state(&t->rnd, seed + i);
		t->task = kthread_run(torture_thread, t, "recovery_torture/%u",
				      i);
		if (IS_ERR(t->task))
			return PTR_ERR(t->task);
	}
	return 0;
}

static void threads_stop(void)
{
	unsigned int i;

	for (i = 0; pool && i < threads; i++) {
		if (!IS_ERR_OR_NULL(pool[i].task))
			kthread_stop(pool[i].task);
	}
	kfree(pool);
}

/* Sum of what the logs of all PEs say. */
static void summary(const char *verdict)
{
	unsigned int o[PCI_RECOVERY_NR_OUTCOMES] = { };
	unsigned int i, ends = 0;
	struct torture_pe *tpe;

	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		ends += tpe->fpe->log.ends;
		for (i = 0; i < ARRAY_SIZE(o); i++)
			o[i] += tpe->fpe->log.outcomes[i];
	}
	pr_info("%s seed=%lu seconds=%lu episodes=%u recovered=%u failed=%u gone=%u refused=%u stale=%u absorbed=%u errors=%u\n",
		verdict, seed, (jiffies - began) / HZ, ends,
		o[PCI_RECOVERY_RECOVERED], o[PCI_RECOVERY_FAILED],
		o[PCI_RECOVERY_GONE], o[PCI_RECOVERY_REFUSED],
		o[PCI_RECOVERY_STALE], o[PCI_RECOVERY_ABSORBED],
		atomic_read(&errors));
}

static void progress(void)
{
	struct torture_action *action;
	struct torture_pe *tpe;
	u64 max_us = 0;

	summary("so far");
	if (!verbose)
		return;
	for (tpe = torture_pes; tpe < torture_end; tpe++)
		max_us = max(max_us, tpe->fpe->log.max_us);
	pr_info("the longest episode took %llu us\n", max_us);
	for (action = torture_actions; action->run; action++)
		pr_info("%s: %d\n", action->name, atomic_read(&action->done));
}

/* Let the threads loose for a while. */
static void blow(unsigned long until)
{
	WRITE_ONCE(storming, true);
	up_write(&storm);
	while (time_before(jiffies, until) && !signal_pending(current)) {
		msleep_interruptible(1000);
		torture_watch();
	}
	WRITE_ONCE(storming, false);
}

/* Until no thread does anything. */
static void abate(void)
{
	unsigned long limit = jiffies + torture_limit * HZ;
	struct torture_action *action;
	bool late = false;
	unsigned int i;

	while (!down_write_trylock(&storm)) {
		msleep(20);
		if (late || time_before(jiffies, limit))
			continue;
		late = true;
		for (i = 0; i < threads; i++) {
			action = READ_ONCE(pool[i].action);
			if (action)
				torture_error(READ_ONCE(pool[i].tpe),
					      "%s does not end", action->name);
		}
		/* There is no way to stop them, and perhaps no other line. */
		summary("FAIL");
	}
}

/* Warnings and what lockdep says are errors as well. */
static void check_kernel(bool warned)
{
	if (!warned && test_taint(TAINT_WARN))
		torture_error(NULL, "the kernel warned of something");
#ifdef CONFIG_LOCKDEP
	if (!debug_locks)
		torture_error(NULL, "lockdep found something, or is off");
#endif
}

static void torture(void)
{
	unsigned long until = jiffies + seconds * HZ;
	bool warned = test_taint(TAINT_WARN);

	do {
		blow(min(until, jiffies + stat_interval * HZ));
		abate();
		if (!torture_settle())
			break;
		progress();
	} while (time_before(jiffies, until) && !signal_pending(current) &&
		 !atomic_read(&errors));
	check_kernel(warned);
}

static int __init torture_init(void)
{
	int ret;

	if (!pes || !stat_interval)
		return -EINVAL;
	if (fake_is_off())
		return -ENODEV;
	threads = threads ?: 2 * num_online_cpus();
	seed = seed ?: get_random_u32();
	began = jiffies;
	pr_info("seed=%lu seconds=%u pes=%u threads=%u\n", seed, seconds,
		pes, threads);

	down_write(&storm);
	ret = pes_create() ?: threads_start();
	if (!ret)
		torture();
	up_write(&storm);
	threads_stop();
	if (!ret) {
		ret = atomic_read(&errors) ? -EIO : 0;
		summary(ret ? "FAIL" : "PASS");
	}
	pes_destroy();
	return ret;
}
module_init(torture_init);

/* Only to be unloaded: it was over before it was loaded. */
static void __exit torture_exit(void)
{
}
module_exit(torture_exit);

MODULE_DESCRIPTION("Torture test for PCI error recovery");
MODULE_LICENSE("GPL");
