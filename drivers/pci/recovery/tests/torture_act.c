// SPDX-License-Identifier: GPL-2.0
/*
 * What the threads of the torture test do.
 *
 * Each action gets as many random numbers as every other and decides by nothing
 * else what to do, so that a thread's sequence does not depend on what the
 * others did.
 */

#define pr_fmt(fmt) "pci_recovery_torture: " fmt

#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/uio.h>

#include "torture.h"
#include "../recovery.h"

#define ATTR	"/sys/bus/pci/devices/%04x:00:%02x.%u/recovery/%s"
#define PES	"/sys/kernel/debug/pci_recovery/pes"

/* The pci_dev of @tfn with a reference, or NULL.  Takes no lock. */
struct pci_dev *torture_get_dev(struct torture_fn *tfn)
{
	unsigned int index = tfn->tpe->fpe->index;

	return pci_get_domain_bus_and_slot(FAKE_DOMAIN + index / FAKE_SLOTS, 0,
					   PCI_DEVFN(index % FAKE_SLOTS,
						     tfn - tfn->tpe->fn));
}

int torture_plug(struct torture_fn *tfn)
{
	WRITE_ONCE(tfn->out, false);
	return fake_fn_add(tfn->fn, tfn->driver);
}

void torture_unplug(struct torture_fn *tfn)
{
	fake_fn_del(tfn->fn);
	WRITE_ONCE(tfn->out, true);
}

static void act_error(struct torture_pe *tpe, struct torture_fn *tfn,
		      const u32 *r)
{
	fake_error(tpe->fpe);
}

/* What the platform says without the hardware having done anything. */
static void act_report(struct torture_pe *tpe, struct torture_fn *tfn,
		       const u32 *r)
{
	enum pci_report report = PCI_REPORT_ERROR;

	if (r[0] % 2)
		report = PCI_REPORT_UNSURE;
	else if (!tpe->kept && r[0] % 16 == 0)
		report = PCI_REPORT_PERMANENT;
	pci_recovery_report(&tpe->fpe->pe, report);
}

static void act_recover(struct torture_pe *tpe, struct torture_fn *tfn,
			const u32 *r)
{
	struct torture_pe *up;
	int ret;

	for (up = tpe; up; up = up->parent)
		WRITE_ONCE(up->operator, true);
	ret = pci_recovery_run(&tpe->fpe->pe);
	switch (ret) {
	case 0:
	case -EBUSY:
	case -ENODEV:
	case -EIO:
	case -ETIMEDOUT:
	case -EINTR:
		break;
	default:
		torture_error(tpe, "recover returns %d", ret);
	}
}

/* As a write to unbind or bind. */
static void act_bind(struct torture_pe *tpe, struct torture_fn *tfn,
		     const u32 *r)
{
	struct pci_dev *pdev = torture_get_dev(tfn);
	struct device_driver *drv;

	if (!pdev)
		return;
	switch (r[0] % 4) {
	case 0:
	case 1:
		device_release_driver(&pdev->dev);
		break;
	case 2:
		if (device_attach(&pdev->dev) < 0)
			pci_dbg(pdev, "cannot be attached\n");
		break;
	case 3:
		drv = driver_find(fake_driver_name(tfn->driver), &pci_bus_type);
		if (drv && drv->bus->match(&pdev->dev, drv) &&
		    device_driver_attach(drv, &pdev->dev))
			pci_dbg(pdev, "cannot be attached\n");
		break;
	}
	pci_dev_put(pdev);
}

/*
 * Somebody has the device lock, and then takes the rescan/remove lock as
 * sriov_numvfs_store() does.  Not where functions are removed, since whoever
 * removes them takes the device lock second: that deadlock is upstream's own.
 */
static void act_hold(struct torture_pe *tpe, struct torture_fn *tfn,
		     const u32 *r)
{
	struct pci_dev *pdev = torture_get_dev(tfn);

	if (!pdev)
		return;
	device_lock(&pdev->dev);
	/* So that the worker wants it, too. */
	if (r[1] % 4)
		fake_error(tpe->fpe);
	msleep(r[0] % 32);
	if (tpe->kept) {
		pci_lock_rescan_remove();
		pci_unlock_rescan_remove();
	}
	device_unlock(&pdev->dev);
	pci_dev_put(pdev);
}

/* One function leaves in good order, and comes back. */
static void act_replug(struct torture_pe *tpe, struct torture_fn *tfn,
		       const u32 *r)
{
	if (!mutex_trylock(&tpe->root->hotplug))
		return;
	torture_unplug(tfn);
	msleep(r[0] % 16);
	torture_plug(tfn);
	mutex_unlock(&tpe->root->hotplug);
}

/* Is @tpe @root, or below it? */
bool torture_below(struct torture_pe *tpe, struct torture_pe *root)
{
	while (tpe && tpe != root)
		tpe = tpe->parent;
	return tpe;
}

/* A card is pulled out, with all that is below it, and another put in. */
static void act_pull(struct torture_pe *tpe, struct torture_fn *unused,
		     const u32 *r)
{
	struct torture_pe *below;
	struct torture_fn *tfn;

	if (!mutex_trylock(&tpe->root->hotplug))
		return;
	fake_gone(tpe->fpe);
	if (r[0] % 4)
		fake_release(tpe->fpe);
	for (below = torture_pes; below < torture_end; below++) {
		for (tfn = below->fn; tfn < below->fn + below->fns; tfn++) {
			if (torture_below(below, tpe))
				torture_unplug(tfn);
		}
	}
	msleep(r[1] % 16);
	for (below = torture_pes; below < torture_end; below++) {
		for (tfn = below->fn; tfn < below->fn + below->fns; tfn++) {
			if (torture_below(below, tpe))
				torture_plug(tfn);
		}
	}
	mutex_unlock(&tpe->root->hotplug);
}

/* By hand, with or without an error.  What is not found stays away. */
static void act_rescan(struct torture_pe *tpe, struct torture_fn *tfn,
		       const u32 *r)
{
	if (!mutex_trylock(&tpe->root->hotplug))
		return;
	fake_rescan(tpe->fpe);
	mutex_unlock(&tpe->root->hotplug);
}

static struct file *attr_open(struct torture_fn *tfn, const char *name,
			      int flags)
{
	unsigned int index = tfn->tpe->fpe->index;
	struct file *file;
	char path[80];

	scnprintf(path, sizeof(path), ATTR, FAKE_DOMAIN + index / FAKE_SLOTS,
		  index % FAKE_SLOTS, (unsigned int)(tfn - tfn->tpe->fn), name);
	file = filp_open(path, flags, 0);
	return IS_ERR(file) ? NULL : file;
}

/* The function may be gone by now, and then there is nothing to be read. */
static void act_read(struct torture_pe *tpe, struct torture_fn *tfn,
		     const u32 *r)
{
	static const char * const names[] = {
		"state", "episodes", "failures", "last_outcome", "last_rung",
		"last_duration_us", "stalled", "auto", "max_freezes",
	};
	struct file *file;
	char buf[64];
	loff_t pos;
	ssize_t n;
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		file = attr_open(tfn, names[i], O_RDONLY);
		if (!file)
			return;
		pos = 0;
		n = kernel_read(file, buf, sizeof(buf), &pos);
		if (!n || (n > 0 && buf[n - 1] != '\n'))
			torture_error(tpe, "%s reads as %zd bytes", names[i],
				      n);
		__fput_sync(file);
	}
}

/* Not kernel_read(), debugfs has no read_iter(). */
static void act_debugfs(struct torture_pe *tpe, struct torture_fn *tfn,
			const u32 *r)
{
	struct file *file = filp_open(PES, O_RDONLY, 0);
	struct iov_iter iter;
	struct kiocb kiocb;
	struct kvec vec;
	char buf[128];

	if (IS_ERR(file))
		return;
	init_sync_kiocb(&kiocb, file);
	do {
		vec.iov_base = buf;
		vec.iov_len = sizeof(buf);
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(buf));
	} while (seq_read_iter(&kiocb, &iter) > 0);
	__fput_sync(file);
}

static void attr_write(struct torture_fn *tfn, const char *name, u32 value)
{
	struct file *file = attr_open(tfn, name, O_WRONLY);
	loff_t pos = 0;
	char buf[16];
	int n;

	if (!file)
		return;
	n = scnprintf(buf, sizeof(buf), "%u\n", value);
	kernel_write(file, buf, n, &pos);
	__fput_sync(file);
}

static void act_limits(struct torture_pe *tpe, struct torture_fn *tfn,
		       const u32 *r)
{
	fake_limits(20 + r[0] % 500, 5 + r[1] % 200);
	if (tpe->kept)
		return;
	attr_write(tfn, "auto", !!(r[2] % 4));
	attr_write(tfn, "max_freezes", r[3] % 4 ? 1000000 : r[3] % 8);
}

/* The next call, or calls, of an operation fail. */
static void act_fault(struct torture_pe *tpe, struct torture_fn *tfn,
		      const u32 *r)
{
	static const int errors[] = { -EIO, -ENODEV, -ESTALE, -EAGAIN };
	enum fake_op op = r[0] % FAKE_NR_OPS;
	int error = errors[r[1] % ARRAY_SIZE(errors)];

	/* Gone without having left, stale in spite of an error: not there. */
	if (tpe->kept && (op < FAKE_THAW_MMIO || op == FAKE_RESCAN))
		return;
	if (tpe->kept && error == -ENODEV)
		error = -EIO;
	fake_fail(tpe->fpe, op, r[2] % 2, 1 + r[3] % 2, error);
}

/* How the driver behaves from now on. */
static void act_mood(struct torture_pe *tpe, struct torture_fn *tfn,
		     const u32 *r)
{
	/* 0 is a bug of a driver that must not hurt. */
	u32 vote = r[0] % 7;

	if (tpe->kept && vote == (__force u32)PCI_ERS_RESULT_DISCONNECT)
		vote = (__force u32)PCI_ERS_RESULT_NEED_RESET;
	WRITE_ONCE(tfn->fn->vote[r[1] % FAKE_NR_CALLS],
		   (__force pci_ers_result_t)vote);
	WRITE_ONCE(tfn->fn->ms[r[2] % FAKE_NR_CALLS], r[3] % 24);
	if (r[4] % 8 == 0)
		atomic_set(&tfn->fn->fail_probes, 1 + r[5] % 2);
}

/* Some of the callbacks to come see another error, or a config access does. */
static void act_again(struct torture_pe *tpe, struct torture_fn *tfn,
		      const u32 *r)
{
	WRITE_ONCE(tfn->error_at, r[0] % (FAKE_NR_CALLS + 1));
	atomic_set(&tfn->errors, 1 + r[1] % 2);
	if (r[2] % 2)
		atomic_set(&tpe->fpe->error_in, 1 + r[3] % 64);
}

static void act_latency(struct torture_pe *tpe, struct torture_fn *tfn,
			const u32 *r)
{
	WRITE_ONCE(tpe->fpe->reset_ms, r[0] % 4 ? r[0] % 16 : r[0] % 128);
}

/* What the platform and the next reset make of it. */
static void act_change(struct torture_pe *tpe, struct torture_fn *tfn,
		       const u32 *r)
{
	WRITE_ONCE(tpe->fpe->refuse, r[0] % 8 == 0);
	WRITE_ONCE(tpe->fpe->change,
		   r[1] % 4 ? FAKE_SAME : r[1] / 4 % (FAKE_NO_ANSWER + 1));
}

struct torture_action torture_actions[] = {
	{ "error", 24, false, act_error },
	{ "report", 8, false, act_report },
	{ "recover", 10, false, act_recover },
	{ "bind", 16, false, act_bind },
	{ "hold", 6, false, act_hold },
	{ "replug", 6, true, act_replug },
	{ "pull", 3, true, act_pull },
	{ "rescan", 2, true, act_rescan },
	{ "read", 8, false, act_read },
	{ "debugfs", 2, false, act_debugfs },
	{ "limits", 3, false, act_limits },
	{ "fault", 8, false, act_fault },
	{ "mood", 12, false, act_mood },
	{ "again", 12, false, act_again },
	{ "latency", 3, false, act_latency },
	{ "change", 4, true, act_change },
	{}
};

struct torture_action *torture_pick(u32 r)
{
	struct torture_action *action;
	unsigned int sum = 0;

	for (action = torture_actions; action->run; action++)
		sum += action->weight;
	r %= sum;
	for (action = torture_actions; r >= action->weight; action++)
		r -= action->weight;
	return action;
}

static void calm_fn(struct torture_fn *tfn)
{
	struct fake_fn *fn = tfn->fn;
	int i;

	atomic_set(&tfn->errors, 0);
	atomic_set(&fn->fail_probes, 0);
	for (i = 0; i < FAKE_NR_CALLS; i++) {
		WRITE_ONCE(fn->ms[i], 0);
		WRITE_ONCE(fn->vote[i], PCI_ERS_RESULT_RECOVERED);
	}
	WRITE_ONCE(fn->vote[FAKE_ERROR_DETECTED], PCI_ERS_RESULT_NEED_RESET);
}

/* Nothing goes wrong any more. */
void torture_calm(void)
{
	struct torture_pe *tpe;
	struct torture_fn *tfn;
	enum fake_op op;

	fake_limits(10000, 1000);
	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		for (op = 0; op < FAKE_NR_OPS; op++)
			fake_fail(tpe->fpe, op, 0, 0, 0);
		/* The only rung that would lose the pci_dev. */
		if (tpe->kept)
			fake_fail(tpe->fpe, FAKE_RESCAN, 0, UINT_MAX, -EIO);
		WRITE_ONCE(tpe->fpe->reset_ms, 0);
		WRITE_ONCE(tpe->fpe->refuse, false);
		atomic_set(&tpe->fpe->error_in, 0);
		WRITE_ONCE(tpe->fpe->change, FAKE_SAME);
		WRITE_ONCE(tpe->fpe->pe.auto_recover, true);
		WRITE_ONCE(tpe->fpe->pe.max_freezes, UINT_MAX);
		for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++)
			calm_fn(tfn);
	}
}
