// SPDX-License-Identifier: GPL-2.0
/*
 * Test driver for PCI error recovery.
 *
 * Binds to any PCI function, but only by driver_override.  Its error handlers
 * do as the module parameters say, which may be written at any time:
 *
 *	error_detected, mmio_enabled, slot_reset
 *		votes, in the order in which they are cast, such as
 *		"need_reset,recovered"; the last is cast again and again.
 *		"missing": there is no such callback.  A number is returned as
 *		it is.
 *	resume	"missing" or anything else
 *	aware	0: there are no error handlers at all
 *	hold	the callback that does not return until this is written again:
 *		"none" or one of the four, "remove" or "probe", or "resumed",
 *		which is the end of resume
 *	held	the callback that is held now
 *	fail_probes	so many of the next probes fail
 *	managed_dma	the driver says that user space may own the device
 *	wrap	another driver, whose error handlers can then be held as well; not
 *		to be written while one runs
 */

#define pr_fmt(fmt) "pci_recovery_test: " fmt

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/wait.h>

#define VOTES 8

/**
 * struct votes - what a callback returns
 * @vote: in the order of the calls
 * @n: number of @vote
 * @next: the one to cast
 * @missing: there is no such callback
 * @enable: put the callback in, or take it out
 */
struct votes {
	unsigned int vote[VOTES];
	unsigned int n;
	unsigned int next;
	bool missing;
	void (*enable)(bool present);
};

static const char * const names[] = {
	[(__force int)PCI_ERS_RESULT_NONE]		= "none",
	[(__force int)PCI_ERS_RESULT_CAN_RECOVER]	= "can_recover",
	[(__force int)PCI_ERS_RESULT_NEED_RESET]	= "need_reset",
	[(__force int)PCI_ERS_RESULT_DISCONNECT]	= "disconnect",
	[(__force int)PCI_ERS_RESULT_RECOVERED]		= "recovered",
	[(__force int)PCI_ERS_RESULT_NO_AER_DRIVER]	= "no_aer_driver",
};

/* One writer at a time: kernel_param_lock() of the module. */
static int votes_set(const char *val, const struct kernel_param *kp)
{
	struct votes *votes = kp->arg;
	struct votes new = { .enable = votes->enable };
	char buf[80], *rest = buf, *word;
	int i;

	if (strscpy(buf, val) < 0)
		return -EINVAL;
	strim(buf);
	new.missing = !strcmp(buf, "missing");
	while (!new.missing && (word = strsep(&rest, ","))) {
		if (new.n == VOTES)
			return -EINVAL;
		for (i = 1; i < ARRAY_SIZE(names); i++) {
			if (!strcmp(word, names[i]))
				break;
		}
		if (i == ARRAY_SIZE(names) && kstrtoint(word, 0, &i))
			return -EINVAL;
		new.vote[new.n++] = i;
	}
	*votes = new;
	votes->enable(!new.missing);
	return 0;
}

static int votes_get(char *buf, const struct kernel_param *kp)
{
	struct votes *votes = kp->arg;
	int i, len = 0;

	if (votes->missing)
		return sysfs_emit(buf, "missing\n");
	for (i = 0; i < votes->n; i++)
		len += sysfs_emit_at(buf, len, "%s%u", i ? "," : "",
				     votes->vote[i]);
	return len + sysfs_emit_at(buf, len, "\n");
}

static const struct kernel_param_ops votes_ops = {
	.set = votes_set,
	.get = votes_get,
};

static pci_ers_result_t cast(struct votes *votes)
{
	unsigned int vote = votes->vote[votes->next];

	if (votes->next + 1 < votes->n)
		votes->next++;
	return (__force pci_ers_result_t)vote;
}

static void error_detected_enable(bool present);
static void mmio_enabled_enable(bool present);
static void slot_reset_enable(bool present);
static void resume_enable(bool present);

#define VOTES_PARAM(name, first)					\
static struct votes name##_votes = {					\
	.vote = { (__force unsigned int)PCI_ERS_RESULT_##first },	\
	.n = 1,								\
	.enable = name##_enable,					\
};									\
module_param_cb(name, &votes_ops, &name##_votes, 0600)

VOTES_PARAM(error_detected, NEED_RESET);
VOTES_PARAM(mmio_enabled, RECOVERED);
VOTES_PARAM(slot_reset, RECOVERED);
VOTES_PARAM(resume, RECOVERED);

static unsigned int fail_probes;
module_param(fail_probes, uint, 0600);

enum callback { NONE, ERROR_DETECTED, MMIO_ENABLED, SLOT_RESET, RESUME, RESUMED,
		REMOVE, PROBE };

static const char * const callbacks[] = {
	[NONE]			= "none",
	[ERROR_DETECTED]	= "error_detected",
	[MMIO_ENABLED]		= "mmio_enabled",
	[SLOT_RESET]		= "slot_reset",
	[RESUME]		= "resume",
	[RESUMED]		= "resumed",
	[REMOVE]		= "remove",
	[PROBE]			= "probe",
};

static int hold, held;
static DECLARE_WAIT_QUEUE_HEAD(hold_wq);

static int hold_set(const char *val, const struct kernel_param *kp)
{
	int i = sysfs_match_string(callbacks, val);

	if (i < 0)
		return i;
	WRITE_ONCE(hold, i);
	wake_up_all(&hold_wq);
	return 0;
}

static int hold_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", callbacks[READ_ONCE(*(int *)kp->arg)]);
}

static const struct kernel_param_ops hold_ops = {
	.set = hold_set,
	.get = hold_get,
};
module_param_cb(hold, &hold_ops, &hold, 0600);
module_param_cb(held, &hold_ops, &held, 0400);

/* Every callback comes here, and one of them may stay. */
static void enter(enum callback callback)
{
	if (READ_ONCE(hold) != callback)
		return;
	WRITE_ONCE(held, callback);
	wait_event(hold_wq, READ_ONCE(hold) != callback);
	WRITE_ONCE(held, NONE);
}

static pci_ers_result_t test_error_detected(struct pci_dev *pdev,
					    pci_channel_state_t state)
{
	enter(ERROR_DETECTED);
	if (state == pci_channel_io_perm_failure)
		return PCI_ERS_RESULT_DISCONNECT;
	return cast(&error_detected_votes);
}

static pci_ers_result_t test_mmio_enabled(struct pci_dev *pdev)
{
	enter(MMIO_ENABLED);
	return cast(&mmio_enabled_votes);
}

static pci_ers_result_t test_slot_reset(struct pci_dev *pdev)
{
	enter(SLOT_RESET);
	pci_restore_state(pdev);
	pci_save_state(pdev);
	pci_set_master(pdev);
	return cast(&slot_reset_votes);
}

static void test_resume(struct pci_dev *pdev)
{
	enter(RESUME);
	enter(RESUMED);
}

static struct pci_error_handlers test_handlers = {
	.error_detected = test_error_detected,
	.mmio_enabled = test_mmio_enabled,
	.slot_reset = test_slot_reset,
	.resume = test_resume,
};

#define ENABLE(name)							\
static void name##_enable(bool present)					\
{									\
	test_handlers.name = present ? test_##name : NULL;		\
}

ENABLE(error_detected)
ENABLE(mmio_enabled)
ENABLE(slot_reset)
ENABLE(resume)

static int test_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	enter(PROBE);
	if (fail_probes) {
		fail_probes--;
		return -EIO;
	}
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	return pci_save_state(pdev);
}

static void test_remove(struct pci_dev *pdev)
{
	enter(REMOVE);
	pci_clear_master(pdev);
}

static const struct pci_device_id test_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_ANY_ID, PCI_ANY_ID, 1) },
	{ }
};

static struct pci_driver test_driver = {
	.name = "pci_recovery_test",
	.id_table = test_ids,
	.probe = test_probe,
	.remove = test_remove,
	.err_handler = &test_handlers,
};

static int aware_set(const char *val, const struct kernel_param *kp)
{
	bool aware;
	int ret = kstrtobool(val, &aware);

	if (!ret)
		test_driver.err_handler = aware ? &test_handlers : NULL;
	return ret;
}

static int aware_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", !!test_driver.err_handler);
}

static const struct kernel_param_ops aware_ops = {
	.set = aware_set,
	.get = aware_get,
};
module_param_cb(aware, &aware_ops, NULL, 0600);
module_param_named(managed_dma, test_driver.driver_managed_dma, bool, 0600);

/* The driver whose handlers are wrapped, and these. */
static struct pci_driver *wrapped;
static const struct pci_error_handlers *own;

static pci_ers_result_t wrap_error_detected(struct pci_dev *pdev,
					    pci_channel_state_t state)
{
	enter(ERROR_DETECTED);
	return own->error_detected(pdev, state);
}

static pci_ers_result_t wrap_mmio_enabled(struct pci_dev *pdev)
{
	enter(MMIO_ENABLED);
	return own->mmio_enabled(pdev);
}

static pci_ers_result_t wrap_slot_reset(struct pci_dev *pdev)
{
	enter(SLOT_RESET);
	return own->slot_reset(pdev);
}

static void wrap_resume(struct pci_dev *pdev)
{
	enter(RESUME);
	own->resume(pdev);
	enter(RESUMED);
}

static struct pci_error_handlers wrapper;

static void unwrap(void)
{
	if (!wrapped)
		return;
	wrapped->err_handler = own;
	module_put(wrapped->driver.owner);
	wrapped = NULL;
}

static int wrap_set(const char *val, const struct kernel_param *kp)
{
	struct device_driver *drv;
	char name[32];

	if (strscpy(name, val) < 0)
		return -EINVAL;
	unwrap();
	if (!*strim(name))
		return 0;
	drv = driver_find(strim(name), &pci_bus_type);
	if (!drv || !to_pci_driver(drv)->err_handler || !try_module_get(drv->owner))
		return -ENODEV;
	wrapped = to_pci_driver(drv);
	own = wrapped->err_handler;
	wrapper = *own;
	if (own->error_detected)
		wrapper.error_detected = wrap_error_detected;
	if (own->mmio_enabled)
		wrapper.mmio_enabled = wrap_mmio_enabled;
	if (own->slot_reset)
		wrapper.slot_reset = wrap_slot_reset;
	if (own->resume)
		wrapper.resume = wrap_resume;
	wrapped->err_handler = &wrapper;
	return 0;
}

static int wrap_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", wrapped ? wrapped->name : "");
}

static const struct kernel_param_ops wrap_ops = {
	.set = wrap_set,
	.get = wrap_get,
};
module_param_cb(wrap, &wrap_ops, NULL, 0600);

static int __init test_init(void)
{
	return pci_register_driver(&test_driver);
}
module_init(test_init);

static void __exit test_exit(void)
{
	pci_unregister_driver(&test_driver);
	/* The parameters are there, and may be written, until this has returned. */
	kernel_param_lock(THIS_MODULE);
	unwrap();
	kernel_param_unlock(THIS_MODULE);
}
module_exit(test_exit);

MODULE_DESCRIPTION("Test driver for PCI error recovery");
MODULE_LICENSE("GPL");
