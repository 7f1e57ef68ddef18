// SPDX-License-Identifier: GPL-2.0
/*
 * The fake platform: operations that not every platform has.
 */

#include <linux/pci.h>

#include "fake.h"

static u32 max_freezes;

static int op_diagnose(struct pci_pe *pe)
{
	struct fake_pe *fpe = to_fake_pe(pe);

	lockdep_assert_held(&fpe->lock);
	return fake_op_enter(fpe, FAKE_DIAGNOSE);
}

static void op_notice(struct pci_pe *pe, const struct pci_notice *notice)
{
	struct fake_pe *fpe = to_fake_pe(pe);

	lockdep_assert_not_held(&fpe->lock);
	if (notice->kind == PCI_NOTICE_CALL)
		lockdep_assert_held(&notice->pdev->dev.mutex);
	fake_log_notice(fpe, notice);
}

/* It reports what is isolated, which may be above. */
static int op_check(struct pci_pe *pe, struct pci_dev *pdev)
{
	struct fake_pe *fpe = to_fake_pe(pe);
	int ret = fake_op_enter(fpe, FAKE_CHECK);

	if (ret)
		return ret;
	switch (fake_state(fpe)) {
	case PCI_PE_HW_FROZEN:
		while (pe->parent && READ_ONCE(fpe->hw) != PCI_PE_HW_FROZEN) {
			pe = pe->parent;
			fpe = to_fake_pe(pe);
		}
		pci_recovery_report(pe, PCI_REPORT_ERROR);
		return -EAGAIN;
	case PCI_PE_HW_DISABLED:
		return -EAGAIN;
	case PCI_PE_HW_GONE:
		return -ENODEV;
	default:
		return 0;
	}
}

/* The same as without, and these. */
static struct pci_pe_ops optional_ops;

/* From now on the platform of @fpe has all operations there are. */
void fake_optional(struct fake_pe *fpe)
{
	fpe->pe.ops = &optional_ops;
}
EXPORT_SYMBOL_GPL(fake_optional);

/* So many errors an hour, for all PEs of that platform. */
void fake_max_freezes(u32 max)
{
	WRITE_ONCE(max_freezes, max);
}
EXPORT_SYMBOL_GPL(fake_max_freezes);

static int __init optional_init(void)
{
	optional_ops = fake_ops;
	optional_ops.diagnose = op_diagnose;
	optional_ops.notice = op_notice;
	optional_ops.max_freezes = &max_freezes;
	optional_ops.check = op_check;
	return 0;
}
core_initcall(optional_init);
