/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The three places where zPCI hands over to the recovery core.
 *
 * Without CONFIG_PCI_RECOVERY each is just the upstream code.
 */
#ifndef _ASM_S390_PCI_RECOVERY_H
#define _ASM_S390_PCI_RECOVERY_H

#include <linux/pci-recovery.h>

struct zpci_ccdf_err;
struct zpci_ccdf_avail;
struct zpci_dev;

#ifdef CONFIG_PCI_RECOVERY
void zpci_recovery_error(struct zpci_ccdf_err *ccdf,
			 void (*upstream)(struct zpci_ccdf_err *ccdf));
void zpci_recovery_availability(struct zpci_ccdf_avail *ccdf,
				void (*upstream)(struct zpci_ccdf_avail *ccdf));

/* For the injector; there only with CONFIG_PCI_RECOVERY_INJECT. */
void zpci_recovery_deliver(u32 fid, u32 fh, u16 pec);
int zpci_recovery_mistranslate(struct zpci_dev *zdev);
int zpci_recovery_unmap(struct zpci_dev *zdev);
#else
static inline void
zpci_recovery_error(struct zpci_ccdf_err *ccdf,
		    void (*upstream)(struct zpci_ccdf_err *ccdf))
{
	upstream(ccdf);
}

static inline void
zpci_recovery_availability(struct zpci_ccdf_avail *ccdf,
			   void (*upstream)(struct zpci_ccdf_avail *ccdf))
{
	upstream(ccdf);
}
#endif

#endif /* _ASM_S390_PCI_RECOVERY_H */
