// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold whatever the threads of the torture test do.
 *
 * In callbacks: they come in an order that drivers can rely on, and only to
 * functions that are there.  Always: no episode takes for ever.  Between two
 * storms, when nothing goes wrong any more: everything becomes well again.
 */

#define pr_fmt(fmt) "pci_recovery_torture: " fmt

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "torture.h"
#include "../recovery.h"

/* In every callback of a driver, so under the device lock. */
void torture_hook(struct fake_fn *fn, enum fake_call call)
{
	struct torture_pe *tpe = fn->fpe->priv;
	struct torture_fn *tfn = &tpe->fn[fn - fn->fpe->fn];
	enum fake_call at = READ_ONCE(tfn->error_at);

	if (READ_ONCE(tfn->out))
		torture_error(tpe, "callback %u after the removal", call);
	switch (call) {
	case FAKE_PROBE:
		if (!tfn->scanned)
			memcpy(tfn->cfg, fn->cfg, FAKE_CFG_SIZE);
		tfn->scanned = true;
		fallthrough;
	case FAKE_REMOVE:
	case FAKE_PERM_FAILURE:
		tfn->asked = false;
		break;
	case FAKE_ERROR_DETECTED:
		tfn->asked = true;
		break;
	default:
		if (!tfn->asked)
			torture_error(tpe, "callback %u without error_detected",
				      call);
		tfn->asked = call != FAKE_RESUME;
	}
	if ((at == call || at == FAKE_NR_CALLS) &&
	    atomic_dec_if_positive(&tfn->errors) >= 0)
		fake_error(fn->fpe);
}

/* In every operation of the platform. */
void torture_op_hook(struct fake_pe *fpe, enum fake_op op)
{
	struct torture_pe *tpe = fpe->priv;

	if (op == FAKE_RESCAN && !READ_ONCE(tpe->operator))
		torture_error(tpe, "rescan that nobody asked for");
}

/* Once a second or so: does anything take for ever? */
void torture_watch(void)
{
	struct torture_pe *tpe;
	struct pci_pe *pe;

	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		pe = &tpe->fpe->pe;
		if (!READ_ONCE(pe->running) ||
		    READ_ONCE(pe->episodes) != tpe->episodes) {
			tpe->episodes = READ_ONCE(pe->episodes);
			tpe->seen = jiffies;
		} else if (time_after(jiffies, tpe->seen + torture_limit * HZ)) {
			torture_error(tpe, "is stuck for %u s", torture_limit);
			tpe->seen = jiffies;
		}
	}
}

static bool is_idle(struct torture_pe *tpe)
{
	struct pci_pe *pe = &tpe->fpe->pe;

	return !READ_ONCE(pe->running) && !READ_ONCE(pe->above) &&
	       !READ_ONCE(pe->flags) && !work_busy(&pe->work);
}

static struct torture_pe *find_busy(void)
{
	struct torture_pe *tpe;

	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		if (!is_idle(tpe))
			return tpe;
	}
	return NULL;
}

/*
 * Until no worker runs, and nothing is left to be done; false if that fails.
 * Looks twice: one that ends may give others something to do.
 */
static bool wait_idle(void)
{
	unsigned long limit = jiffies + torture_limit * HZ;
	struct torture_pe *tpe;

	while ((tpe = find_busy() ?: find_busy())) {
		if (time_after(jiffies, limit)) {
			torture_error(tpe, "does not come to rest");
			return false;
		}
		msleep(20);
	}
	return true;
}

/*
 * Is the hardware not well?  Of one above what was given up nobody can tell: it is
 * as frozen as that.  Nor of one below that was recovered by itself: errors of what
 * was given up are nobody's.
 */
static bool is_unwell(struct torture_pe *root)
{
	struct torture_pe *tpe;

	for (tpe = root->parent; tpe; tpe = tpe->parent) {
		if (pci_pe_state(&tpe->fpe->pe) == PCI_PE_FAILED)
			return false;
	}
	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		if (torture_below(tpe, root) &&
		    pci_pe_state(&tpe->fpe->pe) == PCI_PE_FAILED)
			return false;
	}
	return root->fpe->pe.ops->state(&root->fpe->pe) != PCI_PE_HW_NORMAL;
}

/* Every episode has ended once, and no error is left that nobody deals with. */
static void check_quiet(struct torture_pe *tpe)
{
	struct pci_pe *pe = &tpe->fpe->pe;
	struct fake_log *log = &tpe->fpe->log;

	if (log->begins != log->ends || pe->episodes - tpe->before != log->ends)
		torture_error(tpe, "%u episodes began, %u ended, %u counted",
			      log->begins, log->ends,
			      pe->episodes - tpe->before);
	if (!tpe->kept || pci_pe_state(pe) == PCI_PE_FAILED)
		return;
	if (pci_pe_state(pe) != PCI_PE_LIVE || is_unwell(tpe))
		torture_error(tpe, "an error was lost");
}

static void run(struct torture_pe *tpe, const char *what)
{
	int ret = pci_recovery_run(&tpe->fpe->pe);

	if (ret)
		torture_error(tpe, "%s: recover returns %d", what, ret);
}

/* Has the PCI core found everything, and as it is? */
static bool is_complete(struct torture_pe *tpe)
{
	struct torture_fn *tfn;

	for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++) {
		if (!READ_ONCE(tfn->fn->pdev) || !tfn->fn->sound)
			return false;
	}
	return true;
}

/* Another card. */
static void replace(struct torture_pe *tpe)
{
	struct torture_fn *tfn;

	for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++)
		torture_unplug(tfn);
	for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++) {
		if (torture_plug(tfn))
			torture_error(tpe, "cannot be replaced");
	}
}

/*
 * An operator makes up for what the storm did.  Where hotplug was part of it
 * there may be nothing, or another device, or what the PCI core made of one that
 * failed while it was scanned.  A function that was added while the PE was not
 * live has no stash, and needs a rescan.
 */
static void heal(struct torture_pe *tpe)
{
	struct torture_pe *up;
	int ret;

	for (up = tpe; up; up = up->parent)
		WRITE_ONCE(up->operator, true);
	if (!tpe->kept && (!is_complete(tpe) || pci_pe_dead(&tpe->fpe->pe)))
		replace(tpe);
	ret = pci_recovery_run(&tpe->fpe->pe);
	if (!tpe->kept && (!is_complete(tpe) || ret == -ENODEV)) {
		replace(tpe);
		ret = pci_recovery_run(&tpe->fpe->pe);
	}
	if (ret)
		torture_error(tpe, "cannot be healed: %d", ret);
	else
		run(tpe, "once more");
	for (up = tpe; up; up = up->parent)
		WRITE_ONCE(up->operator, false);
}

static void check_fn(struct torture_fn *tfn)
{
	struct pci_dev *pdev = torture_get_dev(tfn);
	struct torture_pe *tpe = tfn->tpe;
	unsigned int nr = tfn - tpe->fn;
	bool bound, driver = tfn->driver != FAKE_DRIVERLESS;

	if (!pdev || pdev != tfn->fn->pdev) {
		torture_error(tpe, "function %u is missing", nr);
		pci_dev_put(pdev);
		return;
	}
	if (tfn->pdev && pdev != tfn->pdev)
		torture_error(tpe, "function %u is another", nr);
	tfn->pdev = pdev;
	if (pdev->error_state != pci_channel_io_normal)
		torture_error(tpe, "function %u has error_state %u", nr,
			      pdev->error_state);
	bound = device_attach(&pdev->dev) > 0;
	if (bound != driver)
		torture_error(tpe, "function %u: %s driver", nr,
			      bound ? "has a" : "cannot be bound to its");
	pci_dev_put(pdev);
}

static void check_well(struct torture_pe *tpe)
{
	struct pci_pe *pe = &tpe->fpe->pe;
	struct torture_fn *tfn;

	if (READ_ONCE(pe->running) || pci_pe_state(pe) != PCI_PE_LIVE ||
	    pe->ops->state(pe) != PCI_PE_HW_NORMAL)
		torture_error(tpe, "is not well");
	for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++)
		check_fn(tfn);
}

/* The first byte of config space that is not as after a scan, or -1. */
static int config_differs(struct torture_fn *tfn)
{
	struct pci_dev *pdev = tfn->fn->pdev;
	u64 start = pci_resource_start(pdev, 0);
	int i;

	/* It may have been put elsewhere since then. */
	if (pci_resource_len(pdev, 0)) {
		put_unaligned_le32(lower_32_bits(start) |
				   PCI_BASE_ADDRESS_MEM_TYPE_64,
				   tfn->cfg + PCI_BASE_ADDRESS_0);
		put_unaligned_le32(upper_32_bits(start),
				   tfn->cfg + PCI_BASE_ADDRESS_1);
	}
	guard(spinlock_irq)(&tfn->tpe->fpe->hw_lock);
	for (i = 0; i < FAKE_CFG_SIZE; i++) {
		if (tfn->fn->cfg[i] != tfn->cfg[i])
			return i;
	}
	return -1;
}

/* Without its drivers a PE that was recovered is as after a scan. */
static void check_config(struct torture_pe *tpe)
{
	struct torture_fn *tfn;
	int where;

	if (!tpe->kept)
		return;
	for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++)
		device_release_driver(&tfn->fn->pdev->dev);
	run(tpe, "without drivers");
	for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++) {
		where = config_differs(tfn);
		if (where >= 0)
			torture_error(tpe, "function %zd: config space differs at %#x",
				      tfn - tpe->fn, where);
		if (device_attach(&tfn->fn->pdev->dev) < 0)
			torture_error(tpe, "cannot attach again");
	}
}

/* It gets over an error, and one more in this callback, without help. */
static void check_self(enum fake_call call)
{
	struct torture_pe *tpe;
	struct torture_fn *tfn;

	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		if (!tpe->kept)
			continue;
		for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++) {
			WRITE_ONCE(tfn->error_at, call);
			atomic_set(&tfn->errors, 1);
		}
		fake_error(tpe->fpe);
	}
	if (!wait_idle())
		return;
	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		check_quiet(tpe);
		if (tpe->kept)
			check_well(tpe);
	}
}

/*
 * Somebody has a device lock and wants the rescan/remove lock, as in
 * sriov_numvfs_store(), when the worker wants the device lock: that one has to
 * give way, and not only because it is past its deadline.
 */
static void check_hold(struct torture_pe *tpe)
{
	struct device *dev = &tpe->fn[0].fn->pdev->dev;
	unsigned long since;

	device_lock(dev);
	fake_error(tpe->fpe);
	msleep(100);
	since = jiffies;
	pci_lock_rescan_remove();
	if (time_after(jiffies, since + 5 * HZ))
		torture_error(tpe, "waits for a device lock inside the window");
	pci_unlock_rescan_remove();
	device_unlock(dev);
}

/*
 * The storm is over: nothing goes wrong any more, and nobody does anything.
 * False if that does not come true.
 */
bool torture_settle(void)
{
	enum fake_call call;
	struct torture_pe *tpe;
	struct torture_fn *tfn;

	torture_calm();
	if (!wait_idle())
		return false;
	for (tpe = torture_pes; tpe < torture_end; tpe++)
		check_quiet(tpe);
	for (tpe = torture_pes; tpe < torture_end; tpe++)
		heal(tpe);
	if (!wait_idle())
		return false;
	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		for (tfn = tpe->fn; tfn < tpe->fn + tpe->fns; tfn++)
			tfn->pdev = tpe->kept && tfn->pdev ? tfn->pdev :
							     tfn->fn->pdev;
	}
	for (tpe = torture_pes; tpe < torture_end; tpe++)
		run(tpe, "when all is well");
	for (tpe = torture_pes; tpe < torture_end; tpe++)
		check_config(tpe);
	if (!wait_idle())
		return false;
	for (tpe = torture_pes; tpe < torture_end; tpe++)
		check_well(tpe);
	for (call = FAKE_ERROR_DETECTED; call < FAKE_NR_CALLS; call++)
		check_self(call);
	torture_calm();
	for (tpe = torture_pes; tpe < torture_end; tpe++) {
		if (tpe->kept && tpe->fns)
			check_hold(tpe);
	}
	return wait_idle();
}
