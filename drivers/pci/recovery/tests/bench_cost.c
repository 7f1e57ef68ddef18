// SPDX-License-Identifier: GPL-2.0
/*
 * What a report costs the one who reports, and a device that never fails costs.
 */

#include <linux/delay.h>
#include <linux/kstrtox.h>
#include <linux/pci.h>
#include <linux/pci-gate.h>
#include <linux/slab.h>

#include "bench.h"
#include "../recovery.h"

/* During which a storm of reports comes. */
#define STORM_RESET_MS	3000

static int all_ended(unsigned int n, u32 *episodes)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!bench_wait(bench_pe(i), episodes[i]))
			return -ETIMEDOUT;
		fake_idle(bench_pe(i));
	}
	return 0;
}

/* One report each for PEs that are well. */
static int first_reports(struct bench_samples *samples, unsigned int n,
			 u32 *episodes)
{
	struct fake_pe *fpe;
	unsigned int i;
	ktime_t begin;

	for (i = 0; i < n; i++) {
		fpe = bench_pe(i);
		fpe->reset_ms = 0;
		episodes[i] = READ_ONCE(fpe->pe.episodes);
		fake_freeze(fpe);
		begin = ktime_get();
		if (!pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR))
			return -EIO;
		bench_sample(samples, begin);
	}
	return 0;
}

/* So much of each time is the clock's. */
static void emit_clock(void)
{
	ktime_t begin = ktime_get();
	int i;

	for (i = 0; i < 1000; i++)
		ktime_get();
	bench_number("clock_ns", ktime_to_ns(ktime_sub(ktime_get(), begin)) /
				 1000);
}

static int intake(struct bench_samples *samples, unsigned int n, u32 *episodes)
{
	int ret;

	if (!episodes)
		return -ENOMEM;
	ret = first_reports(samples, n, episodes) ?: all_ended(n, episodes);
	if (ret)
		return ret;
	bench_begin("intake");
	bench_text("pe", "well");
	emit_clock();
	bench_times("ns", samples);
	bench_end();
	return 0;
}

int bench_intake(const char *args)
{
	struct bench_samples samples;
	u32 *episodes;
	unsigned int n;
	int ret;

	if (kstrtouint(args, 0, &n) || !n || !bench_pe(n - 1))
		return -EINVAL;
	ret = bench_samples_init(&samples, n);
	if (ret)
		return ret;
	episodes = kvcalloc(n, sizeof(*episodes), GFP_KERNEL);
	ret = intake(&samples, n, episodes);
	kvfree(episodes);
	bench_samples_free(&samples);
	return ret;
}

/* Reports for a PE while it is reset. */
static int storm(struct fake_pe *fpe, struct bench_samples *samples,
		 unsigned int n)
{
	u32 episodes = READ_ONCE(fpe->pe.episodes);
	ktime_t begin;

	fpe->reset_ms = STORM_RESET_MS;
	if (!fake_error(fpe))
		return -EIO;
	while (!atomic_read(&fpe->in_reset))
		msleep(20);
	while (n--) {
		begin = ktime_get();
		pci_recovery_report(&fpe->pe, PCI_REPORT_ERROR);
		bench_sample(samples, begin);
	}
	/* Or it was about something else. */
	if (!atomic_read(&fpe->in_reset))
		return -ETIME;
	if (!bench_wait(fpe, episodes))
		return -ETIMEDOUT;
	fake_idle(fpe);

	bench_begin("intake");
	bench_text("pe", "recovering");
	bench_number("episodes", READ_ONCE(fpe->pe.episodes) - episodes);
	emit_clock();
	bench_times("ns", samples);
	bench_end();
	return 0;
}

int bench_storm(const char *args)
{
	struct bench_samples samples;
	unsigned int n;
	int ret;

	if (kstrtouint(args, 0, &n) || !n || !bench_pe(0))
		return -EINVAL;
	ret = bench_samples_init(&samples, n);
	if (ret)
		return ret;
	ret = storm(bench_pe(0), &samples, n);
	bench_pe(0)->reset_ms = 0;
	bench_samples_free(&samples);
	return ret;
}

/* Functions of so many PEs come, and go. */
static int add_round(unsigned int n, const char *drivers,
		     struct bench_samples *add, struct bench_samples *del)
{
	struct fake_pe *fpe;
	unsigned int i;
	ktime_t begin;
	int ret = 0;

	add->n = 0;
	del->n = 0;
	for (i = 0; i < n && !ret; i++) {
		fpe = fake_pe_get(NULL);
		if (!fpe)
			return -ENOMEM;
		begin = ktime_get();
		ret = fake_fn_add(&fpe->fn[0], bench_driver(drivers, i));
		bench_sample(add, begin);
		begin = ktime_get();
		fake_fn_del(&fpe->fn[0]);
		bench_sample(del, begin);
		fake_pe_put(fpe);
		cond_resched();
	}
	return ret;
}

static int add_rounds(unsigned int n, const char *drivers,
		      struct bench_samples *add, struct bench_samples *del)
{
	int ret;

	/* First of all the PE and its bus are made, and caches filled. */
	ret = add_round(10, drivers, add, del) ?:
	      add_round(n, drivers, add, del);
	if (ret)
		return ret;
	bench_begin("add");
	bench_text("drivers", drivers);
	emit_clock();
	bench_times("add_ns", add);
	bench_times("del_ns", del);
	bench_end();
	return 0;
}

int bench_add(const char *args)
{
	struct bench_samples add = {}, del = {};
	char drivers[16];
	unsigned int n;
	int ret;

	if (sscanf(args, "%u %15s", &n, drivers) != 2 || n < 10 ||
	    bench_driver(drivers, 0) < 0)
		return -EINVAL;
	bench_drop();
	ret = bench_samples_init(&add, n) ?: bench_samples_init(&del, n);
	if (!ret)
		ret = add_rounds(n, drivers, &add, &del);
	bench_samples_free(&add);
	bench_samples_free(&del);
	return ret;
}

/* In bytes.  Nothing of it is in struct pci_dev. */
int bench_memory(const char *args)
{
	struct pci_pe_fn *fn;

	if (!bench_pe(0))
		return -EINVAL;
	bench_begin("memory");
	bench_number("pci_pe", sizeof(struct pci_pe));
	bench_number("pci_pe_fn", sizeof(struct pci_pe_fn));
	bench_number("pci_dev", sizeof(struct pci_dev));
	bench_number("pci_gate", sizeof(struct pci_gate));
	scoped_guard(rcu) {
		fn = list_first_or_null_rcu(&bench_pe(0)->pe.fns,
					    struct pci_pe_fn, node);
		if (fn)
			bench_number("pci_pe_fn_allocated", ksize(fn));
		if (fn && fn->stash)
			bench_number("stash_allocated", ksize(fn->stash));
	}
	bench_end();
	return 0;
}
