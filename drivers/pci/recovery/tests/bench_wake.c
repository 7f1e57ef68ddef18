// SPDX-License-Identifier: GPL-2.0
/*
 * From the death of a device until somebody runs who waited for it: nobody holds
 * the device lock ("free"), or a remove() does that does not return ("held").
 */

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/pci-gate.h>
#include <linux/preempt.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "bench.h"

static DECLARE_WAIT_QUEUE_HEAD(never);

static struct {
	struct fake_fn *fn;
	struct pci_gate *gate;
	bool held;
	bool waiting;
	long ret;
	ktime_t woken;
	struct completion removing;
	struct completion go_on;
	struct completion done;
} wake;

/* The driver's remove(), which waits for something that does not come. */
static void remove_hook(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_REMOVE || !wake.held)
		return;
	complete(&wake.removing);
	wait_for_completion(&wake.go_on);
}

static void unbind_work(struct work_struct *work)
{
	device_release_driver(&wake.fn->pdev->dev);
}

static DECLARE_WORK(unbind, unbind_work);

static int wait_for_it(void *unused)
{
	WRITE_ONCE(wake.waiting, true);
	wake.ret = pci_gate_wait_event_timeout(wake.gate, never, false,
					       msecs_to_jiffies(BENCH_LIMIT_MS),
					       PCI_GATE_WAIT_CLOSING);
	wake.woken = ktime_get();
	complete(&wake.done);
	return 0;
}

static int death(struct task_struct *waiter, struct bench_samples *samples)
{
	struct device *dev = &wake.fn->pdev->dev;
	ktime_t dead;

	reinit_completion(&wake.done);
	wake.waiting = false;
	migrate_disable();
	bench_elsewhere(waiter, &wake.waiting);
	dead = ktime_get();
	fake_gone(wake.fn->fpe);
	migrate_enable();
	wait_for_completion(&wake.done);
	if (samples->n < samples->max)
		samples->ns[samples->n++] =
			ktime_to_ns(ktime_sub(wake.woken, dead));
	/* And not by something else, and not because the lock was free. */
	return wake.ret == -ENODEV && mutex_is_locked(&dev->mutex) == wake.held ?
	       0 : -EIO;
}

/* Pulled out, and plugged in again. */
static int replug(struct fake_fn *fn)
{
	fake_release(fn->fpe);
	fake_idle(fn->fpe);
	fake_fn_del(fn);
	return fake_fn_add(fn, FAKE_AWARE);
}

static int death_once(struct bench_samples *samples)
{
	struct pci_gate *gate = bench_gate(0);
	struct task_struct *waiter;
	int ret;

	if (IS_ERR(gate))
		return PTR_ERR(gate);
	waiter = kthread_create(wait_for_it, NULL, "bench_wake");
	if (IS_ERR(waiter))
		return PTR_ERR(waiter);
	wake.gate = pci_gate_get(gate);
	reinit_completion(&wake.removing);
	reinit_completion(&wake.go_on);
	if (wake.held) {
		schedule_work(&unbind);
		wait_for_completion(&wake.removing);
	}
	ret = death(waiter, samples);
	complete(&wake.go_on);
	flush_work(&unbind);
	wake.held = false;
	pci_gate_put(gate);
	return ret ?: replug(wake.fn);
}

static int deaths(bool held, struct bench_samples *samples, unsigned int n)
{
	int ret = 0;

	init_completion(&wake.removing);
	init_completion(&wake.go_on);
	init_completion(&wake.done);
	wake.fn = &bench_pe(0)->fn[0];
	WRITE_ONCE(wake.fn->hook, remove_hook);
	while (n-- && !ret) {
		wake.held = held;
		ret = death_once(samples);
	}
	WRITE_ONCE(wake.fn->hook, NULL);
	if (ret)
		return ret;
	bench_begin("wake");
	bench_text("lock", held ? "held" : "free");
	bench_times("ns", samples);
	bench_end();
	return 0;
}

int bench_wake(const char *args)
{
	struct bench_samples samples;
	char lock[16];
	unsigned int n;
	int ret;

	if (sscanf(args, "%15s %u", lock, &n) != 2 || !n || !bench_pe(0))
		return -EINVAL;
	ret = bench_samples_init(&samples, n);
	if (ret)
		return ret;
	ret = deaths(!strcmp(lock, "held"), &samples, n);
	bench_samples_free(&samples);
	return ret;
}
