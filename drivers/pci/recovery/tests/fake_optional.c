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
	return 0;
}
core_initcall(optional_init);
