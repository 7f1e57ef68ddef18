// SPDX-License-Identifier: GPL-2.0
/*
 * Character devices behind a gate: from when to when there is one.
 *
 *	no new files -> calls end -> mappings vanish -> files are released
 *
 * All of that before the driver's remove().  The numbers, and with them the file
 * operations, are the core's, for all drivers and for ever: no cdev has to be kept
 * for those who are just opening it.
 */

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/kdev_t.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "gate.h"
#include "gate_file.h"

/* Who is called for so long is reported. */
#define LONG_TIME	(10 * HZ)

static char *node_devnode(const struct device *dev, umode_t *mode)
{
	const struct pci_gate_node *node = dev_get_drvdata(dev);

	if (mode)
		*mode = node->mode;
	return NULL;
}

static const struct class node_class = {
	.name = "pci_gate",
	.devnode = node_devnode,
};

static unsigned int node_major;
#define NO_MINOR	(MINORMASK + 1)

/* By minor number; those that can be opened. */
static DEFINE_XARRAY_ALLOC(nodes);

static void node_free(struct kref *kref)
{
	struct pci_gate_node *node;

	node = container_of(kref, struct pci_gate_node, kref);
	iput(node->inode);
	pci_gate_put(node->gate);
	/* Who opens it may have found it, and then no reference. */
	kfree_rcu(node, rcu);
}

void pci_gate_node_put(struct pci_gate_node *node)
{
	kref_put(&node->kref, node_free);
}

/* What is opened by that number, with a reference; or NULL. */
struct pci_gate_node *pci_gate_node_find(unsigned int minor)
{
	struct pci_gate_node *node;

	guard(rcu)();
	node = xa_load(&nodes, minor);
	return node && kref_get_unless_zero(&node->kref) ? node : NULL;
}

/* Will the driver not be there any more? */
bool pci_gate_node_closing(struct pci_gate_node *node)
{
	return atomic_read(&node->closing);
}

/* Is the driver there?  Until pci_gate_node_exit() it is. */
bool pci_gate_node_enter(struct pci_gate_node *node)
{
	return refcount_inc_not_zero(&node->users);
}

void pci_gate_node_exit(struct pci_gate_node *node)
{
	if (refcount_dec_and_test(&node->users))
		complete_all(&node->idle);
}

/* The gate is shut: mappings vanish, and pollers ask again. */
static void node_shut(struct pci_gate_node *node)
{
	pci_gate_zap(node);
	wake_up_all(&node->wait);
}

/* Each time.  A drain waits for it, so in a reset nothing is mapped. */
static void node_cancel(struct pci_gate *gate, struct pci_gate_cancel *cancel,
			enum pci_gate_state state)
{
	node_shut(container_of(cancel, struct pci_gate_node, cancel));
}

static void wait_idle(struct pci_gate_node *node)
{
	/* Is a lock held here that somebody may take in a call? */
	pci_gate_dep_sync(node->gate);
	if (wait_for_completion_timeout(&node->idle, LONG_TIME))
		return;
	pci_warn(node->gate->pdev,
		 "gate: a call of a file does not end, the driver's remove() waits\n");
	wait_for_completion(&node->idle);
}

/* Every file that is open: from here on the driver does not know it. */
static void release_all(struct pci_gate_node *node)
{
	guard(mutex)(&node->lock);
	while (!hlist_empty(&node->files))
		pci_gate_file_release(hlist_entry(node->files.first,
						  struct pci_gate_file, entry));
	node->ops = NULL;
}

/* Nobody opens it any more, and its number may be another's. */
static void unpublish(struct pci_gate_node *node)
{
	if (node->minor == NO_MINOR)
		return;
	device_destroy(&node_class, MKDEV(node_major, node->minor));
	xa_erase(&nodes, node->minor);
}

/*
 * The gate lets nobody in any more, so who calls is in already, or will fail.  If
 * somebody else closes it, too, both return when nothing of the driver is reachable.
 */
static void node_close(struct pci_gate_node *node)
{
	if (!atomic_xchg(&node->closing, 1)) {
		unpublish(node);
		pci_gate_node_exit(node);
	}
	wait_idle(node);
	pci_gate_cancel_del(node->gate, &node->cancel);
	/* It may not have been its turn yet. */
	node_shut(node);
	release_all(node);
}

static struct pci_gate_node *find_node(struct pci_gate *gate)
{
	struct pci_gate_node *node;

	guard(mutex)(&gate->lock);
	if (hlist_empty(&gate->nodes))
		return NULL;
	node = hlist_entry(gate->nodes.first, struct pci_gate_node, entry);
	kref_get(&node->kref);
	return node;
}

/* True for one of those who close it. */
static bool unlink_node(struct pci_gate *gate, struct pci_gate_node *node)
{
	guard(mutex)(&gate->lock);
	if (hlist_unhashed(&node->entry))
		return false;
	hlist_del_init(&node->entry);
	return true;
}

/* No file operation of @gate's driver is running, or will be, after this. */
void pci_gate_close_files(struct pci_gate *gate)
{
	struct pci_gate_node *node;

	while ((node = find_node(gate))) {
		node_close(node);
		if (unlink_node(gate, node))
			pci_gate_node_put(node);
		pci_gate_node_put(node);
	}
}

/* Thawed: what was not ready may be. */
void pci_gate_wake_files(struct pci_gate *gate)
{
	struct pci_gate_node *node;

	lockdep_assert_held(&gate->lock);

	hlist_for_each_entry(node, &gate->nodes, entry)
		wake_up_all(&node->wait);
}

static struct pci_gate_node *node_alloc(struct pci_gate *gate)
{
	struct pci_gate_node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return ERR_PTR(-ENOMEM);
	node->inode = pci_gate_inode();
	if (IS_ERR(node->inode)) {
		struct inode *inode = node->inode;

		kfree(node);
		return ERR_CAST(inode);
	}
	init_waitqueue_head(&node->wait);
	init_rwsem(&node->map_lock);
	init_completion(&node->idle);
	mutex_init(&node->lock);
	refcount_set(&node->users, 1);
	kref_init(&node->kref);
	node->minor = NO_MINOR;
	node->gate = pci_gate_get(gate);
	node->cancel.cancel = node_cancel;
	return node;
}

/*
 * From here on the closing of @gate closes it.  It can be opened before it is seen,
 * for who sees it opens it.
 */
static int publish(struct pci_gate *gate, struct pci_gate_node *node,
		   const char *name)
{
	struct device *dev;
	u32 minor;
	int ret;

	guard(mutex)(&gate->lock);
	if (gate->closed)
		return -ENODEV;
	ret = xa_alloc(&nodes, &minor, node, XA_LIMIT(0, MINORMASK),
		       GFP_KERNEL);
	if (ret)
		return ret;
	node->minor = minor;
	dev = device_create(&node_class, &gate->pdev->dev,
			    MKDEV(node_major, node->minor), node, "%s", name);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	hlist_add_head(&node->entry, &gate->nodes);
	/* Does not fail: callbacks are disarmed after @closed. */
	return pci_gate_cancel_add(gate, &node->cancel);
}

/**
 * pci_gate_add_file - a character device, for as long as a gate is not closed
 * @gate: the gate
 * @name: of the device, unique on this machine
 * @mode: permissions of the device file, such as 0600
 * @ops: what the driver does with files
 * @data: the driver's, pci_gate_file.data of each of them
 *
 * It can be opened at once.  It is in the class "pci_gate", below the PCI device.
 * Before the driver's remove() is called, or when the gate is closed in another way,
 * it vanishes, calls end, what is mapped gives SIGBUS, and all files are released;
 * those that are still open then fail with -ENODEV.
 *
 * Context: Process context, sleeps.  Who is called at once must find what he needs.
 * Return: 0; -ENOMEM; -ENODEV if the gate was closed; -EEXIST if there is such a
 * name; -EBUSY if there are no more numbers.
 */
int pci_gate_add_file(struct pci_gate *gate, const char *name, umode_t mode,
		      const struct pci_gate_file_ops *ops, void *data)
{
	struct pci_gate_node *node = node_alloc(gate);
	int ret;

	if (IS_ERR(node))
		return PTR_ERR(node);
	node->ops = ops;
	node->data = data;
	node->mode = mode;
	ret = publish(gate, node, name);
	if (ret) {
		/* Somebody may have tried that number. */
		node_close(node);
		pci_gate_node_put(node);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(pci_gate_add_file);

static int __init gate_node_init(void)
{
	int ret = pci_gate_inode_init();

	if (ret)
		return ret;
	ret = class_register(&node_class);
	if (ret)
		return ret;
	ret = __register_chrdev(0, 0, MINORMASK + 1, "pci_gate",
				&pci_gate_fops);
	if (ret < 0)
		return ret;
	node_major = ret;
	return 0;
}
subsys_initcall(gate_node_init);
