/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Character devices behind the gate of a PCI device: files that outlive the driver.
 *
 * The file operations are the core's, which calls those of the driver inside of
 * the gate.  When that closes, calls end, mappings vanish, and nothing of the
 * driver is reachable by a file any more, so its module can be unloaded while files
 * are open.  See Documentation/PCI/pci-gate-files.rst.
 */
#ifndef _LINUX_PCI_GATE_FILE_H
#define _LINUX_PCI_GATE_FILE_H

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/pci-gate.h>
#include <linux/poll.h>
#include <linux/types.h>
#include <linux/wait.h>

struct pci_gate_map;
struct pci_gate_node;

/**
 * struct pci_gate_file - an open file
 *
 * @data: that of pci_gate_add_file()
 * @private: the driver's own, for this file
 * @wait: the core's, as all below: who waits for something of this file
 * @node: what was opened; referenced
 * @filp: the file itself, as the VFS knows it
 * @entry: in pci_gate_node.files, until the driver's release
 */
struct pci_gate_file {
	void *data;
	void *private;
	struct wait_queue_head wait;
	struct pci_gate_node *node;
	struct file *filp;
	struct hlist_node entry;
};

/**
 * struct pci_gate_file_ops - what a driver does with a file
 *
 * Each may be missing.  All but @release and @mmap run in a section of the gate:
 * they should sleep by the means of the gate only, or have a cancel callback, as
 * a recovery and an unbind wait for them.  An error is returned to the caller.
 * None of them is running when the driver's remove() is called, nor is called later.
 *
 * @open: somebody opens it; if that fails there is no @release
 * @release: the file is closed, or the driver is about to be unbound; once for
 *	each file, with all other calls for it ended.  In no section and whatever
 *	the gate's state, so it enters one if it is to touch the device.  Files are
 *	released one at a time.  Must not take the device lock.
 * @read: return how many bytes were put into @buf.  There is no position.
 * @write: return how many bytes were taken from @buf
 * @ioctl: @arg is as in 64-bit processes also for others, so what it points to
 *	must be laid out the same for both
 * @poll: return what can be done with the file now.  To have it asked again call
 *	pci_gate_file_wake().  May run in any order with other calls; must not wait.
 * @mmap: say what is to be mapped, by pci_gate_map_bar() or
 *	pci_gate_map_memory().  In no section, whether the gate is frozen or not,
 *	and with the caller's mmap_lock held: must neither touch the device nor
 *	wait.
 */
struct pci_gate_file_ops {
	int (*open)(struct pci_gate_file *file);
	void (*release)(struct pci_gate_file *file);
	ssize_t (*read)(struct pci_gate_file *file, char __user *buf,
			size_t count);
	ssize_t (*write)(struct pci_gate_file *file, const char __user *buf,
			 size_t count);
	long (*ioctl)(struct pci_gate_file *file, unsigned int cmd,
		      unsigned long arg);
	__poll_t (*poll)(struct pci_gate_file *file);
	int (*mmap)(struct pci_gate_file *file, struct pci_gate_map *map);
};

/* gate_node.c */
int pci_gate_add_file(struct pci_gate *gate, const char *name, umode_t mode,
		      const struct pci_gate_file_ops *ops, void *data);

/* gate_map.c */
unsigned long pci_gate_map_offset(struct pci_gate_map *map);
int pci_gate_map_bar(struct pci_gate_map *map, int bar, unsigned long offset);
int pci_gate_map_memory(struct pci_gate_map *map, void *addr, size_t size);

/**
 * pci_gate_file_nonblock - is a file not to wait?
 * @file: the file
 *
 * Context: Any, before the driver's release has returned.
 * Return: true if it has O_NONBLOCK.
 */
static inline bool pci_gate_file_nonblock(struct pci_gate_file *file)
{
	return READ_ONCE(file->filp->f_flags) & O_NONBLOCK;
}

/**
 * pci_gate_file_wait_queue - who waits for something of a file
 * @file: the file
 *
 * For pci_gate_wait_event_timeout().  Pollers wait here, too: a wait queue of the
 * driver's would be freed with them in it.
 *
 * Context: Any, before the driver's release has returned.
 * Return: The wait queue.
 */
#define pci_gate_file_wait_queue(file)	((file)->wait)

/**
 * pci_gate_file_wake - something about a file may have changed
 * @file: the file
 *
 * Who polls asks the driver's poll again, who waits in a call looks again.
 *
 * Context: Any but NMI; with PREEMPT_RT not in a hard interrupt.  Before the
 * driver's release has returned.
 */
static inline void pci_gate_file_wake(struct pci_gate_file *file)
{
	wake_up_all(&file->wait);
}

#endif /* _LINUX_PCI_GATE_FILE_H */
