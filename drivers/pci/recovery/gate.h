/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gates: what their files, and those of the recovery core, share.
 */
#ifndef _PCI_RECOVERY_GATE_H
#define _PCI_RECOVERY_GATE_H

#include <linux/pci.h>
#include <linux/pci-gate.h>

struct fault_attr;
struct pci_episode;
struct pci_pe;

/**
 * enum pci_gate_move - what moves the state of a gate
 * @PCI_GATE_FREEZE: an error, or the driver
 * @PCI_GATE_THAW: the end of it
 * @PCI_GATE_CLOSE: the driver is being unbound
 * @PCI_GATE_KILL: the device is gone or given up
 * @PCI_GATE_NR_MOVES: number of moves
 */
enum pci_gate_move {
	PCI_GATE_FREEZE,
	PCI_GATE_THAW,
	PCI_GATE_CLOSE,
	PCI_GATE_KILL,
	PCI_GATE_NR_MOVES
};

extern struct workqueue_struct *pci_gate_wq;

/* gate.c */
enum pci_gate_state pci_gate_next(enum pci_gate_state from,
				  enum pci_gate_move move);
void pci_gate_move(struct pci_gate *gate, enum pci_gate_move move);
void pci_gate_unhash(struct pci_gate *gate);
void pci_gate_release_first(struct pci_gate *gate);

/* gate_drain.c */
int pci_gate_drain_begin(struct pci_gate *gate);
int pci_gate_drain_end(struct pci_gate *gate, unsigned long timeout);
bool pci_gate_drained(struct pci_gate *gate);

/* gate_wait.c */
int pci_gate_wait_thaw(struct pci_gate *gate, bool interruptible);

/* gate_cancel.c */
void pci_gate_cancel_all(struct pci_gate *gate);
void pci_gate_cancel_work(struct work_struct *work);
bool pci_gate_cancels_told(struct pci_gate *gate);
void pci_gate_disarm(struct pci_gate *gate);

/* gate_fault.c: with CONFIG_FAULT_INJECTION */
struct fault_attr *pci_gate_fault(void);

/* gate_node.c */
void pci_gate_close_files(struct pci_gate *gate);
void pci_gate_wake_files(struct pci_gate *gate);

/* gate_pe.c: the recovery core and the driver core, and the gates */
int pci_gate_notify_init(void);
void pci_gate_follow(struct pci_gate *gate, pci_channel_state_t channel);
void pci_gate_publish(struct pci_dev *pdev, pci_channel_state_t channel);
void pci_gate_leaving(struct pci_pe *root);
void pci_recovery_drain(struct pci_episode *ep, bool all);
void pci_recovery_open(struct pci_episode *ep);
void pci_pe_open(struct pci_pe *root);
bool pci_gate_lost(struct pci_dev *pdev);

/*
 * For lockdep a section is a lock that is held for reading, and a drain one that
 * takes it for writing: it finds locks that are taken inside and held around a
 * drain even if nobody is inside at that moment.
 */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
static inline void pci_gate_dep_init(struct pci_gate *gate, const char *name,
				     struct lock_class_key *key)
{
	lockdep_init_map(&gate->map, name, key, 0);
}

static inline void pci_gate_dep_sync(struct pci_gate *gate)
{
	lock_map_sync(&gate->map);
}

/* Is the caller inside @gate?  False if nobody can tell. */
static inline bool pci_gate_inside(struct pci_gate *gate)
{
	return debug_locks && lock_is_held(&gate->map) == LOCK_STATE_HELD;
}
#else
static inline void pci_gate_dep_init(struct pci_gate *gate, const char *name,
				     struct lock_class_key *key)
{
}

static inline void pci_gate_dep_sync(struct pci_gate *gate)
{
}

static inline bool pci_gate_inside(struct pci_gate *gate)
{
	return false;
}
#endif

#endif /* _PCI_RECOVERY_GATE_H */
