// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/pci_recovery/inject, for the platforms' injection modules.
 *
 * A write names a function and, after a space, how it is to fail, which the
 * platform understands.
 */

#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/pci-recovery.h>
#include <linux/uaccess.h>

static ssize_t inject_write(struct file *file, const char __user *ubuf,
			    size_t count, loff_t *pos)
{
	const struct pci_inject *inject = file->private_data;
	unsigned int domain, bus, slot, func;
	struct pci_dev *pdev;
	char buf[64];
	int n = 0, ret;

	if (*pos || count >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, count))
		return -EFAULT;
	buf[count] = '\0';
	strim(buf);
	if (sscanf(buf, "%x:%x:%x.%x %n", &domain, &bus, &slot, &func, &n) < 4 ||
	    !n)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	ret = inject->inject(pdev, buf + n);
	pci_dev_put(pdev);
	return ret ?: count;
}

static const struct file_operations inject_fops = {
	.open = simple_open,
	.write = inject_write,
	.llseek = noop_llseek,
};

/**
 * pci_inject_register - create the file
 * @inject: the platform
 *
 * Works with pci_recovery=off, too: that is how the two are compared.
 *
 * Context: Process context.
 * Return: 0, or a negative errno.
 */
int pci_inject_register(struct pci_inject *inject)
{
	struct dentry *dir = debugfs_lookup("pci_recovery", NULL);

	if (!dir) {
		dir = debugfs_create_dir("pci_recovery", NULL);
		if (IS_ERR(dir))
			return PTR_ERR(dir);
		dget(dir);
	}
	inject->file = debugfs_create_file("inject", 0200, dir, inject,
					   &inject_fops);
	dput(dir);
	return 0;
}
EXPORT_SYMBOL_GPL(pci_inject_register);

/**
 * pci_inject_unregister - remove the file
 * @inject: as for pci_inject_register()
 *
 * Context: Process context; waits until nobody uses it.
 */
void pci_inject_unregister(struct pci_inject *inject)
{
	debugfs_remove(inject->file);
}
EXPORT_SYMBOL_GPL(pci_inject_unregister);
