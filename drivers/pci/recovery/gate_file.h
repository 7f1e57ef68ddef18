/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files behind a gate: what their files share.
 */
#ifndef _PCI_RECOVERY_GATE_FILE_H
#define _PCI_RECOVERY_GATE_FILE_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pci-gate-file.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>

/**
 * struct pci_gate_node - a character device behind a gate
 *
 * @gate: referenced
 * @ops: the driver's; only for who has counted himself in @users, or holds @lock
 *	with a file that was not released
 * @data: the driver's
 * @wait: pollers of all files: the gate was shut or thawed
 * @cancel: shuts the files when the gate is shut
 * @inode: its mapping is that of all files, however they were opened
 * @map_lock: held for reading to make a page accessible, if the gate is live; for
 *	writing to take all away
 * @users: 1 until it is closed, and 1 for each call of @ops but release
 * @idle: @users is 0
 * @closing: somebody has begun to close it
 * @lock: protects @files; held while the driver releases one of them
 * @files: those that the driver has not released
 * @minor: its number
 * @mode: permissions of what is in /dev
 * @kref: 1 until it is closed, and 1 for each open file
 * @entry: in pci_gate.nodes, under pci_gate.lock
 * @rcu: to free it
 */
struct pci_gate_node {
	struct pci_gate *gate;
	const struct pci_gate_file_ops *ops;
	void *data;
	struct wait_queue_head wait;
	struct pci_gate_cancel cancel;
	struct inode *inode;
	struct rw_semaphore map_lock; /* see above */
	refcount_t users;
	struct completion idle;
	atomic_t closing;
	struct mutex lock; /* see above */
	struct hlist_head files;
	u32 minor;
	umode_t mode;
	struct kref kref;
	struct hlist_node entry;
	struct rcu_head rcu;
};

/* gate_node.c */
struct pci_gate_node *pci_gate_node_find(unsigned int minor);
void pci_gate_node_put(struct pci_gate_node *node);
bool pci_gate_node_closing(struct pci_gate_node *node);
bool pci_gate_node_enter(struct pci_gate_node *node);
void pci_gate_node_exit(struct pci_gate_node *node);

/* gate_file.c */
extern const struct file_operations pci_gate_fops;
void pci_gate_file_release(struct pci_gate_file *file);

/* gate_map.c */
int pci_gate_mmap(struct file *filp, struct vm_area_struct *vma);
void pci_gate_zap(struct pci_gate_node *node);
int pci_gate_inode_init(void);
struct inode *pci_gate_inode(void);

#endif /* _PCI_RECOVERY_GATE_FILE_H */
