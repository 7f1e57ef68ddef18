// SPDX-License-Identifier: GPL-2.0
/*
 * Test driver for checked reads of PCI devices.
 *
 * Binds to any PCI function with a memory BAR, but only by driver_override.  Module
 * parameters, in which FUNCTION is such as 0001:00:00.0:
 *
 *	read	written, "FUNCTION": reads the first register again and again, for
 *		five seconds at most, until it gives all-ones, and checks that.
 *		"FUNCTION ones": checks all-ones that nobody has read
 *	result	of that: what the check returned, and the function's error_state
 *		before and after, in numbers; "none" if there were no all-ones
 *	request	written, "FUNCTION": asks for its recovery; fails as that does
 *	alive	what the health check says, besides what it reads
 *	checks	how often it was called
 */

#define pr_fmt(fmt) "pci_health_test: " fmt

#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pci-gate.h>
#include <linux/pci-health.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/string.h>

static bool alive = true;
module_param(alive, bool, 0600);

static atomic_t checks = ATOMIC_INIT(0);

module_param_named(checks, checks.counter, int, 0400);

static char result[32] = "none";
module_param_string(result, result, sizeof(result), 0400);

/**
 * struct test - a function that is bound
 * @gate: its gate
 * @regs: its first memory BAR
 */
struct test {
	struct pci_gate *gate;
	u32 __iomem *regs;
};

/* As it comes from the bus: on powerpc readl() asks EEH by itself. */
static u32 load(struct test *test)
{
	return __raw_readl(test->regs);
}

static bool is_alive(void *data)
{
	atomic_inc(&checks);
	return READ_ONCE(alive) && !PCI_POSSIBLE_ERROR(load(data));
}

static struct pci_driver test_driver;

/* The function of that name with a reference, and its gate held, if it is ours. */
static struct pci_dev *get_function(const char *val, struct pci_gate **gate)
{
	unsigned int domain, bus, slot, func;
	struct pci_dev *pdev;

	*gate = NULL;
	if (sscanf(val, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return NULL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return NULL;
	device_lock(&pdev->dev);
	if (pdev->driver == &test_driver)
		*gate = pci_gate_find(pdev);
	device_unlock(&pdev->dev);
	if (*gate && !pci_gate_tryenter(*gate))
		return pdev;
	pci_gate_put(*gate);
	pci_dev_put(pdev);
	return NULL;
}

static void put_function(struct pci_dev *pdev, struct pci_gate *gate)
{
	pci_gate_exit(gate);
	pci_gate_put(gate);
	pci_dev_put(pdev);
}

static void check(struct pci_dev *pdev, u32 value)
{
	pci_channel_state_t before = READ_ONCE(pdev->error_state);
	int ret = pci_recovery_check(pdev, value);

	scnprintf(result, sizeof(result), "%d %u %u", ret,
		  (__force u32)before, (__force u32)READ_ONCE(pdev->error_state));
}

static int read_set(const char *val, const struct kernel_param *kp)
{
	unsigned long end = jiffies + 5 * HZ;
	struct pci_gate *gate;
	struct pci_dev *pdev = get_function(val, &gate);
	u32 value = 0;

	if (!pdev)
		return -ENODEV;
	strscpy(result, "none");
	if (strstr(val, " ones")) {
		check(pdev, ~0U);
	} else {
		while (!PCI_POSSIBLE_ERROR(value) && time_before(jiffies, end)) {
			value = load(pci_get_drvdata(pdev));
			cond_resched();
		}
		if (PCI_POSSIBLE_ERROR(value))
			check(pdev, value);
	}
	put_function(pdev, gate);
	return 0;
}

static const struct kernel_param_ops read_ops = { .set = read_set };
module_param_cb(read, &read_ops, NULL, 0200);

static int request_set(const char *val, const struct kernel_param *kp)
{
	struct pci_gate *gate;
	struct pci_dev *pdev = get_function(val, &gate);
	int ret;

	if (!pdev)
		return -ENODEV;
	ret = pci_recovery_request(pdev);
	put_function(pdev, gate);
	return ret;
}

static const struct kernel_param_ops request_ops = { .set = request_set };
module_param_cb(request, &request_ops, NULL, 0200);

static pci_ers_result_t test_error_detected(struct pci_dev *pdev,
					    pci_channel_state_t state)
{
	return state == pci_channel_io_perm_failure ?
	       PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t test_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void test_resume(struct pci_dev *pdev)
{
}

static const struct pci_error_handlers test_handlers = {
	.error_detected = test_error_detected,
	.slot_reset = test_slot_reset,
	.resume = test_resume,
};

static int first_memory(struct pci_dev *pdev)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (pci_resource_flags(pdev, bar) & IORESOURCE_MEM &&
		    pci_resource_len(pdev, bar))
			return bar;
	}
	return -ENODEV;
}

static int test_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret, bar = first_memory(pdev);
	struct test *test;

	if (bar < 0)
		return bar;
	test = devm_kzalloc(&pdev->dev, sizeof(*test), GFP_KERNEL);
	if (!test)
		return -ENOMEM;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	test->gate = pcim_gate_create(pdev);
	if (IS_ERR(test->gate))
		return PTR_ERR(test->gate);
	test->regs = pci_gate_iomap(test->gate, bar, 0);
	if (!test->regs)
		return -ENOMEM;
	pci_set_drvdata(pdev, test);
	ret = pci_save_state(pdev);
	return ret ?: pci_gate_set_health(test->gate, is_alive, test);
}

static const struct pci_device_id test_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_ANY_ID, PCI_ANY_ID, 1) },
	{ }
};

static struct pci_driver test_driver = {
	.name = "pci_health_test",
	.id_table = test_ids,
	.probe = test_probe,
	.err_handler = &test_handlers,
};
module_pci_driver(test_driver);

MODULE_DESCRIPTION("Test driver for checked reads of PCI devices");
MODULE_LICENSE("GPL");
