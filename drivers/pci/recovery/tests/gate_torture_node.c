// SPDX-License-Identifier: GPL-2.0
/*
 * Torture of gates: a driver with a device file, that is there again and again.
 *
 * None of its operations runs when it has gone, or for a file that was released.
 */

#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/pci-gate-file.h>
#include <linux/slab.h>

#include "gate_torture.h"

/**
 * struct gate_opened - a file, as the driver knows it
 * @magic: RES_GOOD until it is released
 * @number: that of the driver when it was opened
 * @calls: that run
 */
struct gate_opened {
	u32 magic;
	u32 number;
	atomic_t calls;
};

static atomic_t opens, numbers;

static void look(struct pci_gate_file *file)
{
	struct gate_opened *opened = file->private;
	struct gate_life *life = file->data;

	if (READ_ONCE(life->gone))
		gate_error(life->t, "a file is used without a driver");
	if (!opened)
		return;
	if (READ_ONCE(opened->magic) != RES_GOOD)
		gate_error(life->t, "a file is used that was released");
	if (opened->number != READ_ONCE(life->number))
		gate_error(life->t, "a file of %u is used by %u",
			   opened->number, life->number);
}

static void call_begin(struct pci_gate_file *file)
{
	struct gate_opened *opened = file->private;
	struct gate_life *life = file->data;

	atomic_inc(&life->calls);
	if (opened)
		atomic_inc(&opened->calls);
	look(file);
}

static void call_end(struct pci_gate_file *file, struct gate_opened *opened)
{
	struct gate_life *life = file->data;

	look(file);
	if (opened)
		atomic_dec(&opened->calls);
	atomic_dec(&life->calls);
}

/* The same in a section, with all that holds there. */
static struct gate_res *section_begin(struct pci_gate_file *file)
{
	struct gate_life *life = file->data;

	call_begin(file);
	return gate_read_begin(life->t);
}

static void section_end(struct pci_gate_file *file, struct gate_res *res)
{
	struct gate_life *life = file->data;

	gate_read_end(life->t, res);
	call_end(file, file->private);
}

static int drv_open(struct pci_gate_file *file)
{
	struct gate_life *life = file->data;
	struct gate_res *res = section_begin(file);
	unsigned int n = atomic_inc_return(&opens);
	struct gate_opened *opened = NULL;

	usleep_range(1, 1 + n % 64);
	/* Some fail. */
	if (n % 16)
		opened = kzalloc(sizeof(*opened), GFP_KERNEL);
	if (opened) {
		opened->magic = RES_GOOD;
		opened->number = life->number;
		atomic_inc(&life->files);
	}
	gate_read_end(life->t, res);
	call_end(file, NULL);
	file->private = opened;
	return opened ? 0 : -EBUSY;
}

static void drv_release(struct pci_gate_file *file)
{
	struct gate_opened *opened = file->private;
	struct gate_life *life = file->data;

	look(file);
	if (atomic_read(&opened->calls))
		gate_error(life->t, "released in %d calls",
			   atomic_read(&opened->calls));
	WRITE_ONCE(opened->magic, RES_BAD);
	kfree(opened);
	atomic_dec(&life->files);
}

/* Waits for so many ms as it is to read bytes. */
static ssize_t drv_read(struct pci_gate_file *file, char __user *buf,
			size_t count)
{
	struct gate_res *res = section_begin(file);
	struct gate_life *life = file->data;
	long ret;

	ret = pci_gate_wait_event_timeout(READ_ONCE(life->gate),
					  pci_gate_file_wait_queue(file), false,
					  msecs_to_jiffies(count),
					  PCI_GATE_WAIT_INTERRUPTIBLE);
	section_end(file, res);
	return ret;
}

static ssize_t drv_write(struct pci_gate_file *file, const char __user *buf,
			 size_t count)
{
	struct gate_res *res = section_begin(file);

	pci_gate_file_wake(file);
	section_end(file, res);
	return count;
}

static long drv_ioctl(struct pci_gate_file *file, unsigned int cmd,
		      unsigned long arg)
{
	struct gate_res *res = section_begin(file);
	struct gate_life *life = file->data;
	long ret = life->number;

	usleep_range(1, 100);
	section_end(file, res);
	return cmd == GATE_LIFE ? ret : -ENOTTY;
}

static __poll_t drv_poll(struct pci_gate_file *file)
{
	section_end(file, section_begin(file));
	return EPOLLOUT;
}

/* In no section. */
static int drv_mmap(struct pci_gate_file *file, struct pci_gate_map *map)
{
	struct gate_life *life = file->data;
	int ret;

	call_begin(file);
	usleep_range(1, 500);
	ret = pci_gate_map_memory(map, life->t->page, PAGE_SIZE);
	call_end(file, file->private);
	return ret;
}

static const struct pci_gate_file_ops drv_ops = {
	.open = drv_open,
	.release = drv_release,
	.read = drv_read,
	.write = drv_write,
	.ioctl = drv_ioctl,
	.poll = drv_poll,
	.mmap = drv_mmap,
};

/*
 * The driver has gone, or what a gate of it protects: from its remove(), and from
 * an action.  Its memory is as good as freed.
 */
void gate_node_gone(struct gate_target *t)
{
	struct gate_life *life = READ_ONCE(t->life);

	if (!life)
		return;
	if (atomic_read(&life->files) || atomic_read(&life->calls))
		gate_error(t, "gone with %d files, in %d calls",
			   atomic_read(&life->files), atomic_read(&life->calls));
	guard(spinlock)(&t->page_lock);
	WRITE_ONCE(life->gone, true);
	WRITE_ONCE(*t->page, 0);
}

/* Nobody sees it in a reset. */
void gate_node_reset(struct gate_target *t, unsigned int us)
{
	scoped_guard(spinlock, &t->page_lock)
		WRITE_ONCE(*t->page, 0);
	if (us)
		usleep_range(us, us + 20);
	guard(spinlock)(&t->page_lock);
	if (t->life && !t->life->gone)
		WRITE_ONCE(*t->page, t->life->number);
}

/* Of a gate that was just made.  Under the target's lock, and the device lock. */
int gate_node_create(struct gate_target *t, struct pci_gate *gate)
{
	u32 number = atomic_inc_return(&numbers);
	struct gate_life *life = &t->lives[t->nr_lives++ % GATE_LIVES];
	char name[32];
	int ret;

	lockdep_assert_held(&t->lock);

	life->t = t;
	life->gate = gate;
	atomic_set(&life->files, 0);
	atomic_set(&life->calls, 0);
	scoped_guard(spinlock, &t->page_lock) {
		WRITE_ONCE(life->number, number);
		WRITE_ONCE(life->gone, false);
		WRITE_ONCE(*t->page, number);
		WRITE_ONCE(t->life, life);
	}
	scnprintf(name, sizeof(name), GATE_NODE,
		  (unsigned int)(t - gate_targets));
	ret = pci_gate_add_file(gate, name, 0600, &drv_ops, life);
	return ret == -ENODEV ? 0 : ret;
}
