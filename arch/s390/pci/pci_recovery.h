/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zPCI back end of the PCI error recovery core: what its files share.
 */
#ifndef _S390_PCI_RECOVERY_H
#define _S390_PCI_RECOVERY_H

#include <linux/pci-recovery.h>

/* Content-code description of an error or of a changed availability. */
struct zpci_ccdf {
	u32 reserved1;
	u32 fh;
	u32 fid;
	u32 reserved2;
	u64 faddr;
	u32 reserved3;
	u16 reserved4;
	u16 pec;
} __packed;
static_assert(sizeof(struct zpci_ccdf) == 32);

struct zpci_pe;

/**
 * struct zpci_avail_queue - availability events, in order
 * @lock: protects @events
 * @events: struct zpci_avail
 * @work: handles them
 * @zpe: whose they are; NULL for those of functions that are not known yet, and
 *	of all functions
 * @scans: number of events of all functions when the last one came
 */
struct zpci_avail_queue {
	spinlock_t lock; /* see above */
	struct list_head events;
	struct work_struct work;
	struct zpci_pe *zpe;
	int scans;
};

/**
 * struct zpci_pe - a zPCI function, as a PE
 * @pe: the core's
 * @fid: function id; never changes
 * @name: of its PCI function
 * @zdev: of the PCI function that was added last, which keeps it alive
 * @lock: protects all below
 * @reported: an error event is not taken up yet
 * @fh: the function handle that it named
 * @pec: its PCI event code
 * @avail: its availability events
 */
struct zpci_pe {
	struct pci_pe pe;
	u32 fid;
	char name[16];
	struct zpci_dev *zdev;
	spinlock_t lock; /* see above */
	bool reported;
	u32 fh;
	u16 pec;
	struct zpci_avail_queue avail;
};

static inline struct zpci_pe *to_zpci_pe(struct pci_pe *pe)
{
	return container_of(pe, struct zpci_pe, pe);
}

/* PCI event codes (PEC) that say that recovery is of no use */
#define PEC_RECOVERY_FAILED	0x003b	/* error recovery failed */
#define PEC_SERVICE_FAILED	0x0040	/* service action failed */

struct zpci_pe *zpci_pe_by_fid(u32 fid);
void zpci_avail_init(struct zpci_avail_queue *queue, struct zpci_pe *zpe);

#endif /* _S390_PCI_RECOVERY_H */
