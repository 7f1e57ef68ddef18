/* SPDX-License-Identifier: GPL-2.0 */
/*
 * EEH back end of the PCI error recovery core: what its files share.
 */
#ifndef _POWERPC_EEH_RECOVERY_H
#define _POWERPC_EEH_RECOVERY_H

#include <linux/pci-recovery.h>

#include <asm/eeh.h>

/**
 * struct eeh_rpe - a PE of EEH, as the core sees it
 * @pe: the core's
 * @epe: what EEH has for it at the moment, or NULL; EEH frees that with the
 *	last function
 * @pins: whoever uses @epe, or one that was there before
 * @orphans: what EEH has freed since, by eeh_pe.child, until nobody uses it
 * @attempts: resets in this episode
 * @express: it is being reset by the core, and has PCI Express functions only
 * @aggregate: what the drivers voted, by EEH's ranking
 * @tidy: what follows an episode when nobody waits for it any more
 * @tidy_dev: a function for that, with a reference
 *
 * @epe, @pins and @orphans are protected by a lock of eeh_recovery_pe.c,
 * @attempts, @express and @aggregate are the worker's.
 */
struct eeh_rpe {
	struct pci_pe pe;
	struct eeh_pe *epe;
	unsigned int pins;
	struct list_head orphans;
	unsigned int attempts;
	bool express;
	enum pci_ers_result aggregate;
	struct work_struct tidy;
	struct pci_dev *tidy_dev;
};

static inline struct eeh_rpe *to_eeh_rpe(struct pci_pe *pe)
{
	return container_of(pe, struct eeh_rpe, pe);
}

/* eeh_recovery_pe.c: one for each PE, for ever */
struct eeh_rpe *eeh_rpe_at(struct pci_controller *phb, int addr);
struct eeh_rpe *eeh_rpe_of(struct eeh_pe *epe);
struct eeh_rpe *eeh_rpe_attach(struct eeh_pe *epe, const struct pci_pe_ops *ops);
struct eeh_pe *eeh_rpe_get(struct eeh_rpe *rpe);
void eeh_rpe_put(struct eeh_rpe *rpe);
struct pci_pe *eeh_rpe_next(struct pci_pe *pe, struct pci_pe *root);
int eeh_rpe_for_each(struct pci_pe *root, int (*fn)(struct eeh_pe *epe));
void eeh_rpe_mark(struct pci_pe *root, int flags);
void eeh_rpe_clear(struct pci_pe *root, int flags);
void eeh_rpe_tidy(struct eeh_rpe *rpe, struct pci_dev *pdev);

/* eeh_recovery.c */
int eeh_rpe_look(struct eeh_pe *epe);

/* eeh_recovery_reset.c */
int eeh_rpe_reset(struct pci_pe *pe, enum pci_pe_reset depth);
int eeh_rpe_rescan(struct pci_pe *pe);

/* eeh_recovery_log.c: what upstream's recovery prints and does beside it */
void eeh_log_freeze(struct eeh_pe *epe);
void eeh_log_thaw(struct eeh_pe *epe);
void eeh_log_notice(struct pci_pe *pe, const struct pci_notice *notice);

#endif /* _POWERPC_EEH_RECOVERY_H */
