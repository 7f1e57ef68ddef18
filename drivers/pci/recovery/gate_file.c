// SPDX-License-Identifier: GPL-2.0
/*
 * Files behind a gate: the core's file operations, which call the driver's.
 *
 * The owner of the operations is the core, so an open file does not pin the driver's
 * module.  What a file has is an object of the core's; the driver is called by it
 * only inside of the gate and while the device file is not being closed, and for
 * its release under a mutex by which it is done once.
 */

#include <linux/cleanup.h>
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "gate.h"
#include "gate_file.h"

/*
 * Before the driver is called.  While the gate is frozen a call waits, with nothing
 * held: a recovery needs what a call holds, and the driver may be unbound meanwhile.
 */
static int call_begin(struct pci_gate_file *file)
{
	struct pci_gate_node *node = file->node;
	int ret;

	while ((ret = pci_gate_tryenter(node->gate)) == -EAGAIN) {
		if (pci_gate_file_nonblock(file))
			return -EAGAIN;
		if (pci_gate_wait_thaw(node->gate, true))
			return -ERESTARTSYS;
	}
	if (ret)
		return ret;
	if (pci_gate_node_enter(node))
		return 0;
	pci_gate_exit(node->gate);
	return -ENODEV;
}

static void call_end(struct pci_gate_file *file)
{
	pci_gate_node_exit(file->node);
	pci_gate_exit(file->node->gate);
}

static ssize_t file_read(struct file *filp, char __user *buf, size_t count,
			 loff_t *pos)
{
	struct pci_gate_file *file = filp->private_data;
	ssize_t ret = call_begin(file);

	if (ret)
		return ret;
	ret = file->node->ops->read ?
	      file->node->ops->read(file, buf, count) : -EINVAL;
	call_end(file);
	return ret;
}

static ssize_t file_write(struct file *filp, const char __user *buf,
			  size_t count, loff_t *pos)
{
	struct pci_gate_file *file = filp->private_data;
	ssize_t ret = call_begin(file);

	if (ret)
		return ret;
	ret = file->node->ops->write ?
	      file->node->ops->write(file, buf, count) : -EINVAL;
	call_end(file);
	return ret;
}

static long file_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct pci_gate_file *file = filp->private_data;
	long ret = call_begin(file);

	if (ret)
		return ret;
	ret = file->node->ops->ioctl ?
	      file->node->ops->ioctl(file, cmd, arg) : -ENOTTY;
	call_end(file);
	return ret;
}

/*
 * The wait queues are the core's and stay as long as the file, for whoever polls
 * sleeps in them with no section.  He has queued himself when we look at the gate,
 * and who moves its state wakes them after that.
 */
static __poll_t file_poll(struct file *filp, poll_table *table)
{
	struct pci_gate_file *file = filp->private_data;
	struct pci_gate_node *node = file->node;
	__poll_t events = DEFAULT_POLLMASK;
	int ret;

	poll_wait(filp, &file->wait, table);
	poll_wait(filp, &node->wait, table);
	ret = pci_gate_tryenter(node->gate);
	/* Nothing can be done at the moment; the thaw wakes. */
	if (ret == -EAGAIN)
		return 0;
	if (ret)
		return EPOLLERR | EPOLLHUP;
	if (pci_gate_node_enter(node)) {
		if (node->ops->poll)
			events = node->ops->poll(file);
		pci_gate_node_exit(node);
	} else {
		events = EPOLLERR | EPOLLHUP;
	}
	pci_gate_exit(node->gate);
	return events;
}

/* The driver's release, with what protects it held. */
void pci_gate_file_release(struct pci_gate_file *file)
{
	struct pci_gate_node *node = file->node;

	lockdep_assert_held(&node->lock);

	hlist_del_init(&file->entry);
	if (node->ops->release)
		node->ops->release(file);
}

static int file_release(struct inode *inode, struct file *filp)
{
	struct pci_gate_file *file = filp->private_data;
	struct pci_gate_node *node = file->node;

	/* Unless the driver was faster, and is gone. */
	scoped_guard(mutex, &node->lock) {
		if (!hlist_unhashed(&file->entry))
			pci_gate_file_release(file);
	}
	kfree(file);
	pci_gate_node_put(node);
	return 0;
}

/* With the driver there: it knows of the file if this succeeds. */
static int open_in(struct pci_gate_file *file)
{
	struct pci_gate_node *node = file->node;
	int ret = 0;

	if (node->ops->open)
		ret = node->ops->open(file);
	if (ret)
		return ret;
	/* Who closes waits for us before he looks for files. */
	guard(mutex)(&node->lock);
	hlist_add_head(&file->entry, &node->files);
	return 0;
}

static struct pci_gate_file *file_alloc(struct pci_gate_node *node,
					struct file *filp)
{
	struct pci_gate_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return NULL;
	init_waitqueue_head(&file->wait);
	file->data = node->data;
	file->node = node;
	file->filp = filp;
	filp->private_data = file;
	/* One mapping for all, by which the core finds what is mapped. */
	filp->f_mapping = node->inode->i_mapping;
	return file;
}

static int file_open(struct inode *inode, struct file *filp)
{
	struct pci_gate_node *node = pci_gate_node_find(iminor(inode));
	struct pci_gate_file *file;
	int ret = -ENOMEM;

	/* As when it is being closed: who opens it cannot tell, nor need he. */
	if (!node)
		return -ENODEV;
	file = file_alloc(node, filp);
	if (!file)
		goto put;
	ret = call_begin(file);
	if (ret)
		goto free;
	ret = open_in(file);
	call_end(file);
	if (ret)
		goto free;
	return stream_open(inode, filp);

free:
	filp->f_mapping = inode->i_mapping;
	kfree(file);
put:
	pci_gate_node_put(node);
	return ret;
}

/* None of them is ever the driver's. */
const struct file_operations pci_gate_fops = {
	.owner = THIS_MODULE,
	.open = file_open,
	.release = file_release,
	.read = file_read,
	.write = file_write,
	.unlocked_ioctl = file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = file_poll,
	.mmap = pci_gate_mmap,
};
