// SPDX-License-Identifier: GPL-2.0
/*
 * How long recovery takes, and what it costs.
 *
 * Each command that is written to the file "run" in debugfs is one measurement
 * on the fake platform; reading the file then gives the result, one JSON object
 * in a line.  What is to be measured how often is not decided here, but in
 * tests/bench:
 *
 *	setup N DRIVERS				N PEs of one function each
 *	recover HOW N CALL_MS RESET_MS HOTPLUG	N of them fail
 *	intake N				cost of a report: first ones
 *	storm N					and for a PE that recovers
 *	publish HOW N				from the report to a waiter
 *	add N DRIVERS				devices come and go
 *	memory
 *	section N				entry and exit, so often
 *	revoke BY N				N resources of a function
 *	drain BY N				N functions
 *	wake LOCK N				from death to a waiter
 *
 * DRIVERS is aware, unaware or mixed; BY gate or each; LOCK free or held.
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "bench.h"

static struct dentry *bench_dir;
static DEFINE_MUTEX(bench_mutex);

/* The result of the last command; under bench_mutex. */
static char result[2048];
static size_t used;

static __printf(1, 2) void emit(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	used += vscnprintf(result + used, sizeof(result) - used, fmt, args);
	va_end(args);
}

void bench_begin(const char *what)
{
	used = 0;
	emit("{\"what\": \"%s\"", what);
}

void bench_number(const char *name, u64 number)
{
	emit(", \"%s\": %llu", name, number);
}

void bench_text(const char *name, const char *text)
{
	emit(", \"%s\": \"%s\"", name, text);
}

void bench_end(void)
{
	emit("}\n");
}

int bench_samples_init(struct bench_samples *samples, unsigned int max)
{
	samples->ns = vcalloc(max, sizeof(*samples->ns));
	samples->max = max;
	samples->n = 0;
	return samples->ns ? 0 : -ENOMEM;
}

void bench_samples_free(struct bench_samples *samples)
{
	vfree(samples->ns);
	samples->ns = NULL;
}

void bench_sample(struct bench_samples *samples, ktime_t since)
{
	u64 ns = ktime_to_ns(ktime_sub(ktime_get(), since));

	if (samples->n < samples->max)
		samples->ns[samples->n++] = ns;
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The sample that so many percent of all are not above. */
static u64 percentile(const struct bench_samples *samples, unsigned int percent)
{
	return samples->ns[(samples->n - 1) * percent / 100];
}

/* What is to be said about the samples, which are then sorted. */
void bench_times(const char *name, struct bench_samples *samples)
{
	u64 sum = 0;
	unsigned int i;

	if (!samples->n)
		return;
	sort(samples->ns, samples->n, sizeof(*samples->ns), cmp_u64, NULL);
	for (i = 0; i < samples->n; i++)
		sum += samples->ns[i];
	emit(", \"%s\": {\"n\": %u, \"mean\": %llu", name, samples->n,
	     div_u64(sum, samples->n));
	emit(", \"min\": %llu, \"p50\": %llu, \"p99\": %llu, \"max\": %llu}",
	     percentile(samples, 0), percentile(samples, 50),
	     percentile(samples, 99), percentile(samples, 100));
}

static const struct {
	const char *name;
	int (*run)(const char *args);
} commands[] = {
	{ "setup ", bench_setup },
	{ "recover ", bench_recover },
	{ "intake ", bench_intake },
	{ "storm ", bench_storm },
	{ "publish ", bench_publish },
	{ "add ", bench_add },
	{ "memory", bench_memory },
	{ "section ", bench_section },
	{ "revoke ", bench_revoke },
	{ "drain ", bench_drain },
	{ "wake ", bench_wake },
};

static int run_command(const char *text)
{
	size_t len;
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		len = str_has_prefix(text, commands[i].name);
		if (len)
			return commands[i].run(text + len);
	}
	return -EINVAL;
}

static ssize_t run_write(struct file *file, const char __user *buf,
			 size_t count, loff_t *ppos)
{
	char text[64];
	int ret;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	guard(mutex)(&bench_mutex);
	used = 0;
	ret = run_command(text);
	return ret ?: count;
}

static ssize_t run_read(struct file *file, char __user *buf, size_t count,
			loff_t *ppos)
{
	guard(mutex)(&bench_mutex);
	return simple_read_from_buffer(buf, count, ppos, result, used);
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = run_read,
	.write = run_write,
	.llseek = default_llseek,
};

static int __init bench_init(void)
{
	bench_dir = debugfs_create_dir("pci_recovery_bench", NULL);
	debugfs_create_file("run", 0600, bench_dir, NULL, &run_fops);
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(bench_dir);
	bench_drop();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark for PCI error recovery");
MODULE_LICENSE("GPL");
