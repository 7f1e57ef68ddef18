// SPDX-License-Identifier: GPL-2.0
/*
 * Torture test of gates, in the manner of rcutorture.
 *
 * Threads, interrupts and timers use devices of the fake platform in sections of
 * all kinds, and threads open, use and map device files, while others freeze, drain,
 * reset, thaw, kill and close their gates, unbind their drivers, report errors to the
 * recovery core and pull them out.
 *
 *	insmod pci_gate_torture.ko [seconds=30] [gates=8] [threads=N] [seed=N]
 *
 * returns when it is over, with 0 or -EIO, and the last line in the log is a
 * summary.  A seed gives each thread the same sequence of actions again, but not
 * the same interleaving.  With deadlock=1 it does what lockdep has to find.
 */

#define pr_fmt(fmt) "pci_gate_torture: " fmt

#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gate_torture.h"

static unsigned int seconds = 30;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long");

unsigned int gate_nr = 8;
module_param_named(gates, gate_nr, uint, 0444);
MODULE_PARM_DESC(gates, "number of gates");

static unsigned int threads;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "number of threads, 0: eight for each CPU");

static ulong seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of the threads' sequences, 0: any");

unsigned int gate_limit = 30;
module_param_named(limit, gate_limit, uint, 0444);
MODULE_PARM_DESC(limit, "seconds after which something is stuck");

static bool deadlock;
module_param(deadlock, bool, 0444);
MODULE_PARM_DESC(deadlock, "do what must not be done, for lockdep to find it");

static unsigned int verbose;
module_param(verbose, uint, 0444);
MODULE_PARM_DESC(verbose, "1: what was done");

/**
 * struct gate_thread - a thread
 * @task: it
 * @rnd: its random numbers
 * @action: what it does, or NULL
 * @since: since when, in jiffies
 * @stuck: that was reported
 */
struct gate_thread {
	struct task_struct *task;
	struct rnd_state rnd;
	struct gate_action *action;
	unsigned long since;
	bool stuck;
};

struct gate_target *gate_targets;
static struct gate_thread *pool;
static atomic_t errors;
static bool over;

enum { ALL, OURS, CORE };

/* Those who use it, those who use its files, and those who move it. */
#define READERS	7
#define OPENERS	4
/* After so many openers each has had its turn. */
#define ENOUGH	500

static struct gate_action actions[] = {
	{ "atomic", 20, ALL, gate_read_atomic },
	{ "sleep", 20, ALL, gate_read_sleep },
	{ "nested", 10, ALL, gate_read_nested },
	{ "irq", 20, ALL, gate_read_irq },
	{ "hold", 10, ALL, gate_read_hold },
	{ "wait", 10, ALL, gate_read_wait },
	{ "cancel", 10, ALL, gate_read_cancel },
	{ "call", 15, ALL, gate_file_call },
	{ "open", 5, ALL, gate_file_open },
	{ "poll", 10, ALL, gate_file_poll },
	{ "map", 10, ALL, gate_file_map },
	{ "cycle", 20, OURS, gate_move_cycle },
	{ "many", 5, OURS, gate_move_many },
	{ "freeze", 10, OURS, gate_move_freeze },
	{ "kill", 5, ALL, gate_move_kill },
	{ "close", 5, ALL, gate_move_close },
	{ "rebind", 5, ALL, gate_move_rebind },
	{ "error", 20, CORE, gate_move_error },
	{ "gone", 2, CORE, gate_move_gone },
};

/* Something does not hold.  Any context. */
void gate_error(struct gate_target *t, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	/* The first ones tell enough. */
	if (atomic_inc_return(&errors) > 20)
		return;
	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_err("%s: %pV\n", t ? t->fpe->pe.name : "all", &vaf);
	va_end(args);
}

static struct gate_action *pick(u32 r)
{
	unsigned int i, sum = 0;

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		sum += actions[i].weight;
	r %= sum;
	for (i = 0; r >= actions[i].weight; i++)
		r -= actions[i].weight;
	return &actions[i];
}

static void act(struct gate_thread *thread)
{
	u32 r[GATE_DRAWS + 2];
	struct gate_action *action;
	struct gate_target *t;
	int i;

	for (i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = prandom_u32_state(&thread->rnd);
	t = &gate_targets[r[0] % gate_nr];
	action = pick(r[1]);
	if (t->by_core ? action->who == OURS : action->who == CORE)
		return;
	WRITE_ONCE(thread->since, jiffies);
	/* Since when it does that, before what. */
	smp_store_release(&thread->action, action);
	action->run(t, r + 2);
	WRITE_ONCE(thread->action, NULL);
	atomic_inc(&action->done);
}

static int run(void *data)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(over))
			schedule_timeout_idle(HZ / 50);
		else
			act(data);
		cond_resched();
	}
	return 0;
}

/* Does each thread get on? */
static bool watch(void)
{
	struct gate_action *action;
	bool busy = false;
	unsigned int i;

	for (i = 0; i < threads; i++) {
		/* Pairs with act(). */
		action = smp_load_acquire(&pool[i].action);
		if (!action)
			continue;
		busy = true;
		if (pool[i].stuck ||
		    time_before(jiffies, READ_ONCE(pool[i].since) +
					 (gate_limit + 10) * HZ))
			continue;
		pool[i].stuck = true;
		gate_error(NULL, "%s does not end", action->name);
		sched_show_task(pool[i].task);
	}
	return busy;
}

static int target_create(unsigned int i)
{
	struct gate_target *t = &gate_targets[i];
	int ret;

	t->by_core = i % 2;
	t->fpe = fake_pe_get(NULL);
	if (!t->fpe)
		return -ENODEV;
	t->fn = &t->fpe->fn[0];
	gate_read_init(t);
	gate_move_init(t);
	ret = gate_file_init(t);
	if (ret)
		return ret;
	t->fpe->pe.max_freezes = UINT_MAX;
	t->fpe->log.last_only = true;
	t->fpe->reset_ms = 2;
	ret = fake_fn_add(t->fn, FAKE_AWARE);
	if (ret)
		return ret;
	guard(mutex)(&t->lock);
	return gate_create(t);
}

static int create(void)
{
	unsigned int i;
	int ret = 0;

	gate_targets = kcalloc(gate_nr, sizeof(*gate_targets), GFP_KERNEL);
	pool = kcalloc(threads, sizeof(*pool), GFP_KERNEL);
	if (!gate_targets || !pool)
		return -ENOMEM;
	for (i = 0; i < gate_nr && !ret; i++)
		ret = target_create(i);
	for (i = 0; i < threads && !ret; i++) {
		prandom_seed_state(&pool[i].rnd, seed + i);
		pool[i].task = kthread_run(run, &pool[i], "gate_torture/%u", i);
		ret = PTR_ERR_OR_ZERO(pool[i].task);
	}
	return ret;
}

/* Whoever waits is woken by this, and it is not frozen any more after it. */
static void kill_all(void)
{
	struct pci_gate *gate;
	unsigned int i;

	for (i = 0; i < gate_nr; i++) {
		guard(mutex)(&gate_targets[i].lock);
		gate = pci_gate_find(gate_targets[i].fn->pdev);
		if (gate)
			pci_gate_kill(gate);
		pci_gate_put(gate);
	}
}

static void target_destroy(struct gate_target *t)
{
	if (!t->fpe)
		return;
	gate_move_stop(t);
	gate_read_stop(t);
	fake_idle(t->fpe);
	fake_pe_put(t->fpe);
	gate_file_stop(t);
	if (t->res)
		gate_error(t, "not released at the end");
}

static void destroy(void)
{
	unsigned int i;

	for (i = 0; pool && i < threads; i++) {
		if (!IS_ERR_OR_NULL(pool[i].task))
			kthread_stop(pool[i].task);
	}
	for (i = 0; gate_targets && i < gate_nr; i++)
		target_destroy(&gate_targets[i]);
	kfree(pool);
	kfree(gate_targets);
}

/* Warnings and what lockdep says are errors as well. */
static void check_kernel(bool warned)
{
	if (!warned && test_taint(TAINT_WARN))
		gate_error(NULL, "the kernel warned of something");
#ifdef CONFIG_LOCKDEP
	if (!debug_locks)
		gate_error(NULL, "lockdep found something, or is off");
#endif
}

/* Everybody gets on who uses files, if there was time for it. */
static void check_openers(void)
{
	unsigned int i, sum = 0;

	for (i = READERS; i < READERS + OPENERS; i++)
		sum += atomic_read(&actions[i].done);
	for (i = READERS; sum > ENOUGH && i < READERS + OPENERS; i++) {
		if (!atomic_read(&actions[i].done))
			gate_error(NULL, "%s: never done", actions[i].name);
	}
	gate_file_check(sum > ENOUGH, verbose);
}

static void torture(void)
{
	unsigned long until = jiffies + seconds * HZ;
	bool warned = test_taint(TAINT_WARN);

	while (time_before(jiffies, until) && !signal_pending(current) &&
	       !atomic_read(&errors)) {
		msleep_interruptible(1000);
		watch();
	}
	WRITE_ONCE(over, true);
	until = jiffies + (gate_limit + 15) * HZ;
	while (watch() && time_before(jiffies, until)) {
		kill_all();
		msleep(100);
	}
	check_openers();
	check_kernel(warned);
}

static void summary(void)
{
	unsigned int i, readers = 0, openers = 0, movers = 0;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (i < READERS)
			readers += atomic_read(&actions[i].done);
		else if (i < READERS + OPENERS)
			openers += atomic_read(&actions[i].done);
		else
			movers += atomic_read(&actions[i].done);
		if (verbose)
			pr_info("%s: %d\n", actions[i].name,
				atomic_read(&actions[i].done));
	}
	pr_info("%s seed=%lu seconds=%u gates=%u threads=%u readers=%u openers=%u movers=%u errors=%d\n",
		atomic_read(&errors) ? "FAIL" : "PASS", seed, seconds, gate_nr,
		threads, readers, openers, movers, atomic_read(&errors));
}

static int __init torture_init(void)
{
	int ret;

	if (!gate_nr || !gate_limit)
		return -EINVAL;
	if (fake_is_off())
		return -ENODEV;
	if (deadlock)
		return gate_deadlock();
	threads = threads ?: 8 * num_online_cpus();
	seed = seed ?: get_random_u32();
	pr_info("seed=%lu seconds=%u gates=%u threads=%u\n", seed, seconds,
		gate_nr, threads);
	ret = create();
	if (!ret)
		torture();
	WRITE_ONCE(over, true);
	destroy();
	if (!ret) {
		ret = atomic_read(&errors) ? -EIO : 0;
		summary();
	}
	return ret;
}
module_init(torture_init);

/* Only to be unloaded: it was over before it was loaded. */
static void __exit torture_exit(void)
{
}
module_exit(torture_exit);

MODULE_DESCRIPTION("Torture test for gates of PCI devices");
MODULE_LICENSE("GPL");
