// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/bus/pci/devices/<bdf>/recover and recovery/.
 *
 * See Documentation/ABI/testing/sysfs-bus-pci-recovery.
 */

#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "recovery.h"

/**
 * pci_recovery_store - a write to "recover"
 * @dev: the PCI function
 * @attr: the attribute that was written to
 * @buf: what was written; only "1" will do
 * @count: its length in bytes
 *
 * Context: Process context; a store callback of a device attribute.
 * Return: @count when the function works, -EINVAL if @buf is not "1", -ENODEV
 * if the function is gone, and the errors of pci_recovery_run().
 */
ssize_t pci_recovery_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct kernfs_node *kn;
	struct pci_pe_fn *fn;
	int ret;

	if (!sysfs_streq(buf, "1"))
		return -EINVAL;
	fn = pci_fn_find(to_pci_dev(dev));
	if (!fn)
		return -ENODEV;
	/*
	 * Whoever removes the function waits for this file to be left, with
	 * the locks held that the episode needs.
	 */
	kn = sysfs_break_active_protection(&dev->kobj, &attr->attr);
	ret = pci_recovery_run(fn->pe);
	if (kn)
		sysfs_unbreak_active_protection(kn);
	pci_fn_put(fn);
	return ret ?: count;
}
EXPORT_SYMBOL_GPL(pci_recovery_store);

/* The PE of @dev; its functions come and go, but it stays. */
static struct pci_pe *dev_pe(struct device *dev)
{
	struct pci_pe_fn *fn = pci_fn_find(to_pci_dev(dev));
	struct pci_pe *pe = NULL;

	if (fn) {
		pe = fn->pe;
		pci_fn_put(fn);
	}
	return pe;
}

#define recovery_show(name, fmt, value)					\
static ssize_t name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	struct pci_pe *pe = dev_pe(dev);				\
									\
	return pe ? sysfs_emit(buf, fmt "\n", value) : -ENODEV;		\
}

recovery_show(state, "%s", pci_pe_states[pci_pe_state(pe)])
recovery_show(episodes, "%u", READ_ONCE(pe->episodes))
recovery_show(failures, "%u", READ_ONCE(pe->failures))
recovery_show(last_outcome, "%s", pci_recovery_outcomes[READ_ONCE(pe->outcome)])
recovery_show(last_rung, "%s", pci_recovery_rungs[READ_ONCE(pe->rung)])
recovery_show(last_duration_us, "%llu", READ_ONCE(pe->duration_us))
recovery_show(auto_recover, "%d", READ_ONCE(pe->auto_recover))
recovery_show(max_freezes, "%u", pci_pe_max_freezes(pe))

static ssize_t stalled_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct pci_pe *pe = dev_pe(dev);
	char what[64];

	if (!pe)
		return -ENODEV;
	if (!pci_watch_stalled(pe, what, sizeof(what)))
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%s\n", what);
}

static ssize_t auto_recover_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct pci_pe *pe = dev_pe(dev);
	bool on;
	int ret;

	ret = kstrtobool(buf, &on);
	if (ret)
		return ret;
	if (!pe)
		return -ENODEV;
	WRITE_ONCE(pe->auto_recover, on);
	return count;
}

static ssize_t max_freezes_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct pci_pe *pe = dev_pe(dev);
	u32 max;
	int ret;

	ret = kstrtou32(buf, 0, &max);
	if (ret)
		return ret;
	if (!pe)
		return -ENODEV;
	WRITE_ONCE(pe->max_freezes, max);
	WRITE_ONCE(pe->limited, true);
	return count;
}

static DEVICE_ATTR_RO(state);
static DEVICE_ATTR_RO(episodes);
static DEVICE_ATTR_RO(failures);
static DEVICE_ATTR_RO(last_outcome);
static DEVICE_ATTR_RO(last_rung);
static DEVICE_ATTR_RO(last_duration_us);
static DEVICE_ATTR_RO(stalled);
static DEVICE_ATTR_ADMIN_RW(max_freezes);

/* Not DEVICE_ATTR_ADMIN_RW(): "auto" is a macro in the kernel. */
static struct device_attribute dev_attr_auto_recover = {
	.attr = { .name = "auto", .mode = 0600 },
	.show = auto_recover_show,
	.store = auto_recover_store,
};

static struct attribute *recovery_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_episodes.attr,
	&dev_attr_failures.attr,
	&dev_attr_last_outcome.attr,
	&dev_attr_last_rung.attr,
	&dev_attr_last_duration_us.attr,
	&dev_attr_stalled.attr,
	&dev_attr_auto_recover.attr,
	&dev_attr_max_freezes.attr,
	NULL
};

const struct attribute_group pci_recovery_group = {
	.name = "recovery",
	.attrs = recovery_attrs,
};
