// SPDX-License-Identifier: GPL-2.0
/*
 * From a report until a waiter sees that there is an error, while remove() holds
 * the device lock and does not return.
 *
 * A driver learns of it in one of two ways: it looks at the channel state all
 * the time ("poll"), or sleeps until the PE's state word moves ("wait").
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "bench.h"
#include "../recovery.h"

static struct {
	struct fake_pe *fpe;
	struct pci_dev *pdev;
	bool poll;
	bool looking;
	ktime_t seen;
	struct completion removing;
	struct completion go_on;
	struct completion saw;
} publish;

/* The driver's remove(), which waits for something that does not come. */
static void remove_hook(struct fake_fn *fn, enum fake_call call)
{
	if (call != FAKE_REMOVE)
		return;
	complete(&publish.removing);
	wait_for_completion(&publish.go_on);
}

static void unbind_work(struct work_struct *work)
{
	device_release_driver(&publish.pdev->dev);
}

static int look(void *unused)
{
	struct pci_pe *pe = &publish.fpe->pe;

	WRITE_ONCE(publish.looking, true);
	if (publish.poll) {
		while (READ_ONCE(publish.pdev->error_state) ==
		       pci_channel_io_normal) {
			cpu_relax();
			cond_resched();
		}
	} else {
		wait_var_event(&pe->state, pci_pe_state(pe) != PCI_PE_LIVE);
	}
	publish.seen = ktime_get();
	complete(&publish.saw);
	return 0;
}

static DECLARE_WORK(unbind, unbind_work);

/*
 * Have somebody look from another CPU, who sets @looking just before.  The caller
 * must not migrate.
 */
void bench_elsewhere(struct task_struct *looker, bool *looking)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());

	if (cpu < nr_cpu_ids)
		kthread_bind(looker, cpu);
	wake_up_process(looker);
	while (!READ_ONCE(*looking))
		usleep_range(50, 100);
	/* It is asleep, or looks. */
	usleep_range(500, 1000);
}

/* Report an error while somebody on another CPU looks; false if it is no news. */
static bool report(struct task_struct *looker, ktime_t *reported)
{
	bool news;

	publish.looking = false;
	reinit_completion(&publish.saw);
	migrate_disable();
	bench_elsewhere(looker, &publish.looking);
	*reported = ktime_get();
	news = fake_error(publish.fpe);
	migrate_enable();
	wait_for_completion(&publish.saw);
	return news;
}

/* remove() is inside, somebody looks, and then there is an error. */
static int report_once(struct bench_samples *samples)
{
	u32 episodes = READ_ONCE(publish.fpe->pe.episodes);
	struct task_struct *looker;
	ktime_t reported;
	bool held, news;

	looker = kthread_create(look, NULL, "bench_look");
	if (IS_ERR(looker))
		return PTR_ERR(looker);
	reinit_completion(&publish.removing);
	reinit_completion(&publish.go_on);
	schedule_work(&unbind);
	wait_for_completion(&publish.removing);
	news = report(looker, &reported);
	held = mutex_is_locked(&publish.pdev->dev.mutex);
	if (samples->n < samples->max)
		samples->ns[samples->n++] =
			ktime_to_ns(ktime_sub(publish.seen, reported));

	complete(&publish.go_on);
	flush_work(&unbind);
	if (!bench_wait(publish.fpe, episodes))
		return -ETIMEDOUT;
	fake_idle(publish.fpe);
	return held && news && device_attach(&publish.pdev->dev) == 1 ? 0 : -EIO;
}

static int report_often(struct bench_samples *samples, unsigned int n)
{
	int ret = 0;

	init_completion(&publish.saw);
	init_completion(&publish.removing);
	init_completion(&publish.go_on);
	publish.fpe = bench_pe(0);
	publish.pdev = publish.fpe->fn[0].pdev;
	publish.fpe->reset_ms = 0;
	WRITE_ONCE(publish.fpe->fn[0].hook, remove_hook);
	while (n-- && !ret)
		ret = report_once(samples);
	WRITE_ONCE(publish.fpe->fn[0].hook, NULL);
	if (ret)
		return ret;
	bench_begin("publish");
	bench_text("how", publish.poll ? "poll" : "wait");
	bench_times("ns", samples);
	bench_end();
	return 0;
}

int bench_publish(const char *args)
{
	struct bench_samples samples;
	unsigned int n;
	char how[16];
	int ret;

	if (sscanf(args, "%15s %u", how, &n) != 2 || !n || !bench_pe(0))
		return -EINVAL;
	publish.poll = !strcmp(how, "poll");
	ret = bench_samples_init(&samples, n);
	if (ret)
		return ret;
	ret = report_often(&samples, n);
	bench_samples_free(&samples);
	return ret;
}
