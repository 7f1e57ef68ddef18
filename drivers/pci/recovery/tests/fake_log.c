// SPDX-License-Identifier: GPL-2.0
/*
 * What happened to a PE, as the trace events tell it.
 *
 * One line each, without times, so that a test can compare the whole:
 *
 *	begin CAUSE
 *	STEP [FUNCTION][=ERROR]		function: where it is the step of one
 *	vote FUNCTION VOTE
 *	end OUTCOME RUNG
 *
 * and, if the platform is told of them:
 *
 *	notice KIND CALLBACK [FUNCTION DRIVER [VOTE]]
 */

#define pr_fmt(fmt) "pci_recovery_fake: " fmt

#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <trace/events/pci_recovery.h>

#include "fake.h"
#include "../recovery.h"

static DECLARE_WAIT_QUEUE_HEAD(log_wait);

static const struct {
	const char *name;
	bool of_pe;
} steps[] = {
	[PCI_STEP_FREEZE]		= { "freeze", true },
	[PCI_STEP_ERROR_DETECTED]	= { "error_detected" },
	[PCI_STEP_DIAGNOSE]		= { "diagnose", true },
	[PCI_STEP_THAW_MMIO]		= { "thaw_mmio", true },
	[PCI_STEP_MMIO_ENABLED]		= { "mmio_enabled" },
	[PCI_STEP_THAW_DMA]		= { "thaw_dma", true },
	[PCI_STEP_REVIVE]		= { "revive", true },
	[PCI_STEP_UNBIND]		= { "unbind" },
	[PCI_STEP_RESET]		= { "reset", true },
	[PCI_STEP_DEEP_RESET]		= { "deep_reset", true },
	[PCI_STEP_RESTORE]		= { "restore" },
	[PCI_STEP_SLOT_RESET]		= { "slot_reset" },
	[PCI_STEP_BIND]			= { "bind" },
	[PCI_STEP_RESUME]		= { "resume" },
	[PCI_STEP_RESCAN]		= { "rescan", true },
	[PCI_STEP_PERM_FAILURE]		= { "perm_failure" },
	[PCI_STEP_STALL]		= { "stall", true },
	[PCI_STEP_DRAIN]		= { "drain", true },
	[PCI_STEP_RESCUE]		= { "rescue", true },
};

static_assert(ARRAY_SIZE(steps) == PCI_STEP_NR);

static const char * const votes[] = {
	[0]						= "zero",
	[(__force u32)PCI_ERS_RESULT_NONE]		= "none",
	[(__force u32)PCI_ERS_RESULT_CAN_RECOVER]	= "can_recover",
	[(__force u32)PCI_ERS_RESULT_NEED_RESET]	= "need_reset",
	[(__force u32)PCI_ERS_RESULT_DISCONNECT]	= "disconnect",
	[(__force u32)PCI_ERS_RESULT_RECOVERED]		= "recovered",
	[(__force u32)PCI_ERS_RESULT_NO_AER_DRIVER]	= "no_aer_driver",
};

static const char *vote_name(u32 vote)
{
	return vote < ARRAY_SIZE(votes) ? votes[vote] : "unknown";
}

/* The PE of that name, or of a function of that name with that number. */
static struct fake_pe *pe_named(const char *dev, unsigned int *function)
{
	unsigned int domain, bus, slot;

	if (sscanf(dev, "%x:%x:%x.%u", &domain, &bus, &slot, function) == 4 &&
	    domain >= FAKE_DOMAIN && domain < FAKE_DOMAIN + FAKE_HOSTS)
		return fake_pe_at((domain - FAKE_DOMAIN) * FAKE_SLOTS + slot);
	if (sscanf(dev, "fake-%u", function) == 1)
		return fake_pe_at(*function);
	return NULL;
}

/* The PE whose episode it is: that of the function, or one above. */
static struct fake_pe *pe_of(u32 episode, const char *dev,
			     unsigned int *function)
{
	struct fake_pe *fpe = pe_named(dev, function);
	int i;

	if (fpe && READ_ONCE(fpe->log.episode) == episode)
		return fpe;
	for (i = 0; i < FAKE_PES; i++) {
		fpe = fake_pe_at(i);
		if (fpe && READ_ONCE(fpe->log.episode) == episode)
			return fpe;
	}
	return NULL;
}

static void __printf(2, 3) add(struct fake_log *log, const char *fmt, ...)
{
	va_list args;

	lockdep_assert_held(&log->lock);

	va_start(args, fmt);
	log->used += vscnprintf(log->text + log->used,
				sizeof(log->text) - log->used, fmt, args);
	va_end(args);
}

/* An episode begins only when the one before it has ended. */
static void on_begin(void *unused, u32 episode, const char *dev,
		     const char *pe, const char *cause)
{
	unsigned int function;
	struct fake_pe *fpe = pe_named(pe, &function);

	if (!fpe)
		return;
	guard(spinlock_irqsave)(&fpe->log.lock);
	WARN_ON_ONCE(fpe->log.begins != fpe->log.ends);
	fpe->log.begins++;
	if (fpe->log.last_only)
		fpe->log.used = 0;
	WRITE_ONCE(fpe->log.episode, episode);
	add(&fpe->log, "begin %s\n", cause);
}

static void on_step(void *unused, u32 episode, const char *dev,
		    const char *driver, enum pci_step step, int result, u64 us)
{
	void (*hook)(struct fake_pe *fpe, enum pci_step step);
	unsigned int function = 0;
	struct fake_pe *fpe = pe_of(episode, dev, &function);

	if (!fpe)
		return;
	scoped_guard(spinlock_irqsave, &fpe->log.lock) {
		add(&fpe->log, "%s", steps[step].name);
		if (!steps[step].of_pe)
			add(&fpe->log, " %u", function);
		if (result)
			add(&fpe->log, "=%d", result);
		add(&fpe->log, "\n");
	}
	hook = READ_ONCE(fpe->step_hook);
	if (hook)
		hook(fpe, step);
}

static void on_vote(void *unused, u32 episode, const char *dev,
		    const char *driver, enum pci_step callback, u32 vote)
{
	unsigned int function = 0;
	struct fake_pe *fpe = pe_of(episode, dev, &function);

	if (!fpe)
		return;
	guard(spinlock_irqsave)(&fpe->log.lock);
	add(&fpe->log, "vote %u %s\n", function, vote_name(vote));
}

static void on_end(void *unused, u32 episode, const char *dev,
		   enum pci_recovery_outcome outcome,
		   enum pci_recovery_rung rung, u64 us)
{
	unsigned int function;
	struct fake_pe *fpe = pe_of(episode, dev, &function);

	if (!fpe)
		return;
	scoped_guard(spinlock_irqsave, &fpe->log.lock) {
		WARN_ON_ONCE(fpe->log.begins != fpe->log.ends + 1);
		fpe->log.outcome = outcome;
		fpe->log.rung = rung;
		fpe->log.outcomes[outcome]++;
		fpe->log.us = us;
		fpe->log.max_us = max(fpe->log.max_us, us);
		add(&fpe->log, "end %s %s\n", pci_recovery_outcomes[outcome],
		    pci_recovery_rungs[rung]);
		WRITE_ONCE(fpe->log.ends, fpe->log.ends + 1);
	}
	wake_up_all(&log_wait);
}

static const char * const kinds[] = {
	[PCI_NOTICE_BEGIN]	= "begin",
	[PCI_NOTICE_SKIP]	= "skip",
	[PCI_NOTICE_CALL]	= "call",
	[PCI_NOTICE_VOTE]	= "vote",
	[PCI_NOTICE_END]	= "end",
};

/* What the platform was told of an episode of @fpe. */
void fake_log_notice(struct fake_pe *fpe, const struct pci_notice *notice)
{
	guard(spinlock_irqsave)(&fpe->log.lock);
	add(&fpe->log, "notice %s %s", kinds[notice->kind],
	    steps[notice->callback].name);
	if (notice->pdev)
		add(&fpe->log, " %u %s", PCI_FUNC(notice->pdev->devfn),
		    notice->driver ?: "-");
	if (notice->kind == PCI_NOTICE_VOTE)
		add(&fpe->log, " %s", vote_name((__force u32)notice->vote));
	add(&fpe->log, "\n");
}

void fake_log_clear(struct fake_pe *fpe)
{
	guard(spinlock_irqsave)(&fpe->log.lock);
	fpe->log.used = 0;
	fpe->log.text[0] = '\0';
	fpe->log.begins = 0;
	fpe->log.ends = 0;
	fpe->log.max_us = 0;
	memset(fpe->log.outcomes, 0, sizeof(fpe->log.outcomes));
}
EXPORT_SYMBOL_GPL(fake_log_clear);

/* All that is known of @fpe, for a test that failed.  Waits for nobody. */
void fake_dump(struct fake_pe *fpe)
{
	struct pci_pe *pe = &fpe->pe, *above = READ_ONCE(pe->above);
	char stalled[64] = "nothing";
	struct pci_pe_fn *fn;
	char *text, *line;

	pci_watch_stalled(pe, stalled, sizeof(stalled));
	pr_err("%s: state=%s hw=%d/%d running=%d above=%s flags=%#lx work=%#x episodes=%u begins=%u ends=%u stalled: %s\n",
	       pe->name, pci_pe_states[pci_pe_state(pe)], fpe->hw,
	       pe->ops->state(pe), READ_ONCE(pe->running),
	       above ? above->name : "none", READ_ONCE(pe->flags),
	       work_busy(&pe->work), pe->episodes, fpe->log.begins,
	       fpe->log.ends, stalled);
	scoped_guard(rcu) {
		list_for_each_entry_rcu(fn, &pe->fns, node)
			pr_err("%s: %s channel=%u driver=%s inside=%d\n",
			       pe->name, pci_name(fn->pdev),
			       READ_ONCE(fn->pdev->error_state),
			       dev_driver_string(&fn->pdev->dev),
			       atomic_read(&fake_fn_of(fn->pdev)->inside));
	}

	text = kmalloc(sizeof(fpe->log.text), GFP_KERNEL);
	if (!text)
		return;
	scoped_guard(spinlock_irqsave, &fpe->log.lock)
		strscpy(text, fpe->log.text, sizeof(fpe->log.text));
	pr_err("%s: the last of its episodes:\n", pe->name);
	for (line = text; line && *line;)
		pr_err("%s:\t%s\n", pe->name, strsep(&line, "\n"));
	kfree(text);
}
EXPORT_SYMBOL_GPL(fake_dump);

/* Until @ends episodes have ended, for @ms at most; false if they have not. */
bool fake_wait(struct fake_pe *fpe, unsigned int ends, unsigned int ms)
{
	if (!wait_event_timeout(log_wait, READ_ONCE(fpe->log.ends) >= ends,
				msecs_to_jiffies(ms)))
		return false;
	/* What comes after the event. */
	fake_idle(fpe);
	return true;
}
EXPORT_SYMBOL_GPL(fake_wait);

static int __init log_init(void)
{
	return register_trace_pci_recovery_begin(on_begin, NULL) ?:
	       register_trace_pci_recovery_step(on_step, NULL) ?:
	       register_trace_pci_recovery_vote(on_vote, NULL) ?:
	       register_trace_pci_recovery_end(on_end, NULL);
}
core_initcall(log_init);
