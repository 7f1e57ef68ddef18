// SPDX-License-Identifier: GPL-2.0
/*
 * Sample: a driver that survives errors of its device, and an unbind at any time.
 *
 * Binds to any PCI function, but only by driver_override, for /dev/pci_sample-...,
 * see sample.h.  In this order: a wait that ends by itself, a checked read, a wait
 * that has to be cancelled, mappings, error handlers, and no need of a remove().
 */

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-gate.h>
#include <linux/pci-gate-file.h>
#include <linux/pci-health.h>
#include <linux/uaccess.h>

#include "sample.h"

struct sample {
	struct pci_gate *gate;	/* between us and the device */
	struct pci_dev *pdev;
	void *page;		/* to be mapped */
};

/* How much was written to a file and not read; until release, before remove(). */
static int sample_open(struct pci_gate_file *file)
{
	file->private = kzalloc(sizeof(atomic_t), GFP_KERNEL);
	return file->private ? 0 : -ENOMEM;
}

static void sample_release(struct pci_gate_file *file)
{
	kfree(file->private);
}

/*
 * In a section: the device is there, and is not being reset.  The wait ends when it
 * is not any more: -EAGAIN before a reset, -ENODEV if that is for good.
 */
static ssize_t sample_read(struct pci_gate_file *file, char __user *buf,
			   size_t size)
{
	struct sample *s = file->data;
	atomic_t *count = file->private;
	long left;
	u32 n;

	if (size < sizeof(n))
		return -EINVAL;
	while (!(n = atomic_xchg(count, 0))) {
		if (pci_gate_file_nonblock(file))
			return -EAGAIN;
		left = pci_gate_wait_event_timeout(s->gate,
						   pci_gate_file_wait_queue(file),
						   atomic_read(count), 300 * HZ,
						   PCI_GATE_WAIT_INTERRUPTIBLE);
		if (left <= 0)
			return left ?: -ETIMEDOUT;
	}
	return put_user(n, (u32 __user *)buf) ?: sizeof(n);
}

/* What a device that answers never fails at, when a read has given all-ones. */
static bool sample_alive(void *pdev)
{
	return pci_device_is_present(pdev);
}

/* A section, too.  A real device would do the rest in its interrupt. */
static ssize_t sample_write(struct pci_gate_file *file, const char __user *buf,
			    size_t size)
{
	struct sample *s = file->data;
	u16 status;
	int ret;

	pci_read_config_word(s->pdev, PCI_STATUS, &status);
	ret = pci_recovery_check(s->pdev, status);
	if (ret)
		return ret;
	atomic_add(size, file->private);
	pci_gate_file_wake(file);
	return size;
}

/* Say what can be done; who waits for that is the core's business. */
static __poll_t sample_poll(struct pci_gate_file *file)
{
	return EPOLLOUT | (atomic_read(file->private) ? EPOLLIN : 0);
}

/* A wait that knows nothing of gates: somebody has to end it. */
struct sample_job {
	struct pci_gate_cancel cancel;
	struct completion done;
};

static void sample_cancel(struct pci_gate *gate, struct pci_gate_cancel *cancel,
			  enum pci_gate_state state)
{
	complete(&container_of(cancel, struct sample_job, cancel)->done);
}

static long sample_ioctl(struct pci_gate_file *file, unsigned int cmd,
			 unsigned long arg)
{
	struct sample_job job = { .cancel.cancel = sample_cancel };
	struct sample *s = file->data;
	long ret;

	if (cmd != SAMPLE_JOB)
		return cmd == SAMPLE_EPOCH ? pci_gate_epoch(s->gate) : -ENOTTY;
	init_completion(&job.done);
	ret = pci_gate_cancel_add(s->gate, &job.cancel);
	if (ret)
		return ret;
	ret = wait_for_completion_interruptible(&job.done);
	pci_gate_cancel_del(s->gate, &job.cancel);
	return ret ?: -ECANCELED;
}

static int sample_mmap(struct pci_gate_file *file, struct pci_gate_map *map)
{
	unsigned long page = pci_gate_map_offset(map);
	struct sample *s = file->data;
	int bar = ffs(pci_select_bars(s->pdev, IORESOURCE_MEM)) - 1;

	return page ? pci_gate_map_bar(map, bar, (page - 1) << PAGE_SHIFT) :
		      pci_gate_map_memory(map, s->page, PAGE_SIZE);
}

static const struct pci_gate_file_ops sample_file_ops = {
	.open = sample_open,
	.release = sample_release,
	.read = sample_read,
	.write = sample_write,
	.poll = sample_poll,
	.ioctl = sample_ioctl,
	.mmap = sample_mmap,
};

/* In none of the following is anybody in a section, and what was mapped is not. */
static pci_ers_result_t sample_error_detected(struct pci_dev *pdev,
					      pci_channel_state_t channel)
{
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t sample_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static const struct pci_error_handlers sample_handlers = {
	.error_detected = sample_error_detected,
	.slot_reset = sample_slot_reset,
};

static int sample_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	struct sample *s = devm_kmalloc(&pdev->dev, sizeof(*s), gfp);
	unsigned long page = devm_get_free_pages(&pdev->dev, gfp, 0);
	char name[32];
	int ret;

	if (!s || !page)
		return -ENOMEM;
	ret = pcim_enable_device(pdev) ?: pci_save_state(pdev);
	if (ret)
		return ret;
	s->gate = pcim_gate_create(pdev);
	if (IS_ERR(s->gate))
		return PTR_ERR(s->gate);
	s->pdev = pdev;
	s->page = (void *)page;
	snprintf(name, sizeof(name), "pci_sample-%s", pci_name(pdev));
	/* The file last, for it can be used at once. */
	return pci_gate_set_health(s->gate, sample_alive, pdev) ?:
	       pci_gate_add_file(s->gate, name, 0600, &sample_file_ops, s);
}

/* No remove(): no call runs, no file knows us, and devres frees the rest. */
static const struct pci_device_id sample_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_ANY_ID, PCI_ANY_ID, 1) }, { }
};

static struct pci_driver sample_driver = {
	.name = "pci_sample",
	.id_table = sample_ids,
	.probe = sample_probe,
	.err_handler = &sample_handlers,
};
module_pci_driver(sample_driver);

MODULE_DESCRIPTION("Sample for drivers that survive errors of PCI devices");
MODULE_LICENSE("GPL");
