// SPDX-License-Identifier: GPL-2.0
/*
 * Make zPCI functions fail, to test recovery.
 *
 * A write to /sys/kernel/debug/pci_recovery/inject names a function and how it
 * is to fail:
 *
 *	0001:00:00.0 dma		its next DMA faults
 *	0001:00:00.0 translate		it goes into the error state at once
 *	0001:00:00.0 event 0x3a		an event with that PEC is delivered
 *	0001:00:00.0 event 0x3a 0x80	... with that function handle
 *
 * The first two are genuine: the firmware stops the function and sends the
 * event.  They shrink the function's DMA window to a page, and refresh a
 * translation outside of the window.
 */

#define pr_fmt(fmt) "pci_recovery_inject: " fmt

#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include <asm/pci.h>
#include <asm/pci_recovery.h>

static struct dentry *inject_file;

static int inject(struct zpci_dev *zdev, const char *how)
{
	unsigned int pec, fh = zdev->fh;

	if (!strcmp(how, "dma"))
		return zpci_recovery_shrink_window(zdev);
	if (!strcmp(how, "translate"))
		/* It fails, that is the point. */
		return zpci_recovery_mistranslate(zdev) ? 0 : -EIO;
	if (sscanf(how, "event %i %i", &pec, &fh) < 1 || pec > 0xffff)
		return -EINVAL;
	zpci_recovery_deliver(zdev->fid, fh, pec);
	return 0;
}

static ssize_t inject_write(struct file *file, const char __user *ubuf,
			    size_t count, loff_t *pos)
{
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
	ret = inject(to_zpci(pdev), buf + n);
	pci_dev_put(pdev);
	return ret ?: count;
}

static const struct file_operations inject_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = inject_write,
	.llseek = noop_llseek,
};

static int __init inject_init(void)
{
	struct dentry *dir = debugfs_lookup("pci_recovery", NULL);

	/* With pci_recovery=off, too: that is how the two are compared. */
	if (!dir) {
		dir = debugfs_create_dir("pci_recovery", NULL);
		if (IS_ERR(dir))
			return PTR_ERR(dir);
		dget(dir);
	}
	inject_file = debugfs_create_file("inject", 0200, dir, NULL,
					  &inject_fops);
	dput(dir);
	return 0;
}
module_init(inject_init);

static void __exit inject_exit(void)
{
	debugfs_remove(inject_file);
}
module_exit(inject_exit);

MODULE_DESCRIPTION("Injection of zPCI errors");
MODULE_LICENSE("GPL");
