/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The places where EEH hands over to the recovery core.
 *
 * Without CONFIG_PCI_RECOVERY each is just the upstream code.
 */
#ifndef _ASM_POWERPC_EEH_RECOVERY_H
#define _ASM_POWERPC_EEH_RECOVERY_H

#include <linux/delay.h>
#include <linux/pci-recovery.h>
#include <linux/slab.h>

#include <asm/eeh.h>

#if defined(CONFIG_EEH) && defined(CONFIG_PCI_RECOVERY)
bool eeh_recovery_send(struct eeh_pe *epe);
int eeh_recovery_next_error(struct eeh_pe **epe);
void eeh_recovery_add(struct pci_dev *pdev);
bool eeh_recovery_released(struct pci_dev *pdev);
void eeh_recovery_thawed(struct eeh_pe *epe);
void eeh_recovery_free(struct eeh_pe *epe);
void eeh_recovery_hold(struct pci_controller *phb, int addr);
void eeh_recovery_settle(struct pci_controller *phb, int addr);
#elif defined(CONFIG_EEH)
static inline bool eeh_recovery_send(struct eeh_pe *epe)
{
	return false;
}

static inline int eeh_recovery_next_error(struct eeh_pe **epe)
{
	return eeh_ops->next_error(epe);
}

static inline void eeh_recovery_add(struct pci_dev *pdev) { }

static inline void eeh_recovery_thawed(struct eeh_pe *epe) { }

static inline void eeh_recovery_free(struct eeh_pe *epe)
{
	kfree(epe);
}

static inline void eeh_recovery_hold(struct pci_controller *phb, int addr)
{
	msleep(EEH_PE_RST_HOLD_TIME);
}

static inline void eeh_recovery_settle(struct pci_controller *phb, int addr)
{
	msleep(EEH_PE_RST_SETTLE_TIME);
}
#endif

#if !defined(CONFIG_EEH) || !defined(CONFIG_PCI_RECOVERY)
static inline bool eeh_recovery_released(struct pci_dev *pdev)
{
	return false;
}
#endif

#ifdef CONFIG_EEH
static inline void eeh_recovery_handle(struct eeh_pe *epe,
				       void (*upstream)(struct eeh_pe *epe))
{
	if (!eeh_recovery_send(epe))
		upstream(epe);
}
#endif

#endif /* _ASM_POWERPC_EEH_RECOVERY_H */
