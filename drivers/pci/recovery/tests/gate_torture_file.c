// SPDX-License-Identifier: GPL-2.0
/*
 * Torture of gates: those who open device files, and keep them.
 *
 * Files outlive their driver, and are used by several at once.  A call of a gate
 * that is shut for ever fails with -ENODEV and with nothing else, who polls it sees
 * that, and what is mapped is the driver's as long as it is there, or is not mapped:
 * the page has a number that no other driver has, and 0 in a reset, and afterwards.
 */

#define pr_fmt(fmt) "pci_gate_torture: " fmt

#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pci-gate-file.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "gate_torture.h"
#include "../gate_file.h"

/* Nothing takes so long, and gates are shut far more often. */
#define LONG_WAIT	(gate_limit * HZ)

/* Of whoever loads the module, who waits for it; NULL if it is built in. */
static struct mm_struct *user_mm;

/* What was seen, so that it is known that something was. */
enum { OPENED, ENDED, FAILED, HUNG_UP, TOUCHED, BUS_ERROR, NR_SEEN };
static const char *const seen_names[NR_SEEN] = {
	"opened", "calls", "ENODEV", "hangups", "touched", "SIGBUS",
};

static atomic_t seen[NR_SEEN];

static bool is_dead(struct pci_gate *gate)
{
	return pci_gate_error(gate) == -ENODEV;
}

static struct pci_gate *gate_of(struct file *filp)
{
	return ((struct pci_gate_file *)filp->private_data)->node->gate;
}

/*
 * Those who use them.  The target is that of the name that was opened: if the number
 * was another's by then, it is another one's file, with all that holds for it.
 */

static struct file *open_file(struct gate_target *t, u32 r)
{
	char path[32];
	struct file *filp;
	int ret;

	scnprintf(path, sizeof(path), "/dev/" GATE_NODE,
		  (unsigned int)(t - gate_targets));
	filp = filp_open(path, O_RDWR | (r % 2 ? O_NONBLOCK : 0), 0);
	ret = PTR_ERR_OR_ZERO(filp);
	/* -EBUSY is the driver's. */
	if (ret && ret != -ENOENT && ret != -ENODEV && ret != -EBUSY &&
	    !(ret == -EAGAIN && r % 2))
		gate_error(t, "open: %d", ret);
	if (ret)
		return NULL;
	atomic_inc(&seen[OPENED]);
	return filp;
}

/* One that others may use, too; or another one. */
static struct file *take(struct gate_target *t, const u32 *r)
{
	struct file *filp = NULL;

	scoped_guard(spinlock, &t->kept_lock) {
		if (r[0] % 2)
			filp = t->kept[r[0] / 2 % GATE_KEPT];
		if (filp)
			get_file(filp);
	}
	return filp ?: open_file(t, r[1]);
}

/* Close it, or keep it: what was kept before is closed. */
static void give_back(struct gate_target *t, struct file *filp, const u32 *r)
{
	if (r[1] / 2 % 4 == 0) {
		guard(spinlock)(&t->kept_lock);
		swap(t->kept[r[1] / 8 % GATE_KEPT], filp);
	}
	if (filp)
		__fput_sync(filp);
}

/* Is that what a call returns?  @waits: a freeze may have ended it. */
static void check(struct gate_target *t, const char *what, struct file *filp,
		  bool was_dead, bool waits, long ret)
{
	bool again = waits || filp->f_flags & O_NONBLOCK;

	if (ret == -ENODEV) {
		atomic_inc(&seen[FAILED]);
		if (!is_dead(gate_of(filp)))
			gate_error(t, "%s: ENODEV, but it is not dead", what);
	} else if (was_dead) {
		gate_error(t, "%s after the end: %ld", what, ret);
	} else if (ret < 0 && !(ret == -EAGAIN && again)) {
		gate_error(t, "%s: %ld", what, ret);
	} else {
		atomic_inc(&seen[ENDED]);
	}
}

static long ask_life(struct gate_target *t, struct file *filp)
{
	bool was_dead = is_dead(gate_of(filp));
	long ret = filp->f_op->unlocked_ioctl(filp, GATE_LIFE, 0);

	check(t, "ioctl", filp, was_dead, false, ret);
	return ret;
}

static void read_file(struct gate_target *t, struct file *filp, u32 r)
{
	bool was_dead = is_dead(gate_of(filp));
	unsigned long began = jiffies;
	/* Rarely one that nothing but the gate, or a write, ends. */
	u32 ms = r % 16 ? r % 16 : gate_limit * 1000;
	long ret = filp->f_op->read(filp, NULL, ms, NULL);

	check(t, "read", filp, was_dead, true, ret);
	if (!was_dead && ret < 0 && time_after_eq(jiffies, began + 2 * LONG_WAIT))
		gate_error(t, "read was not woken: %ld", ret);
}

static void write_file(struct gate_target *t, struct file *filp, u32 r)
{
	bool was_dead = is_dead(gate_of(filp));

	check(t, "write", filp, was_dead, false,
	      filp->f_op->write(filp, NULL, 1 + r % 8, NULL));
}

void gate_file_call(struct gate_target *t, const u32 *r)
{
	struct file *filp = take(t, r);
	int i;

	for (i = 0; filp && i < 8; i++) {
		if ((r[2] >> i) % 2)
			ask_life(t, filp);
		else if ((r[3] >> i) % 2)
			write_file(t, filp, r[2] + i);
		else
			read_file(t, filp, r[2] + r[3] + i);
	}
	give_back(t, filp, r);
}

/* Opened and closed at once, while it vanishes perhaps. */
void gate_file_open(struct gate_target *t, const u32 *r)
{
	struct file *filp;
	int i;

	for (i = 0; i < 8; i++) {
		filp = open_file(t, r[0] >> i);
		if (!filp)
			continue;
		if ((r[1] >> i) % 2)
			ask_life(t, filp);
		__fput_sync(filp);
	}
}

static __poll_t poll_file(struct gate_target *t, struct file *filp,
			  poll_table *table)
{
	bool was_dead = is_dead(gate_of(filp));
	__poll_t events = vfs_poll(filp, table);

	if (events == (EPOLLERR | EPOLLHUP)) {
		atomic_inc(&seen[HUNG_UP]);
		if (!is_dead(gate_of(filp)))
			gate_error(t, "poll: hangup, but it is not dead");
	} else if (was_dead || (events && events != EPOLLOUT)) {
		gate_error(t, "poll%s: %x", was_dead ? " after the end" : "",
			   (__force u32)events);
	}
	return events;
}

/* Until poll's queues were woken. */
static bool woken(struct poll_wqueues *queues, unsigned long timeout)
{
	while (!READ_ONCE(queues->triggered) && timeout) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!READ_ONCE(queues->triggered))
			timeout = schedule_timeout(timeout);
		__set_current_state(TASK_RUNNING);
	}
	return READ_ONCE(queues->triggered);
}

/* Somebody who is interested in the end only. */
void gate_file_poll(struct gate_target *t, const u32 *r)
{
	struct poll_wqueues queues;
	struct file *filp = take(t, r);

	if (!filp)
		return;
	poll_initwait(&queues);
	/* Not woken before it has ended, it is to be. */
	if (poll_file(t, filp, &queues.pt) != (EPOLLERR | EPOLLHUP) &&
	    !woken(&queues, 1 + r[2] % (HZ / 4)) && is_dead(gate_of(filp)) &&
	    !woken(&queues, LONG_WAIT))
		gate_error(t, "poll was not woken");
	poll_freewait(&queues);
	poll_file(t, filp, NULL);
	give_back(t, filp, r);
}

/* As a program faults, which waits for the thaw, with no lock held. */
static void user_fault(struct gate_target *t, struct file *filp,
		       unsigned long addr)
{
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct vm_area_struct *vma;

	mmap_read_lock(user_mm);
	vma = vma_lookup(user_mm, addr);
	if (vma) {
		ret = vma->vm_ops->fault(&(struct vm_fault){
			.vma = vma,
			.address = addr,
			.pgoff = vma->vm_pgoff,
			.flags = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY,
		});
	}
	if (ret != VM_FAULT_RETRY)
		mmap_read_unlock(user_mm);
	if (ret & VM_FAULT_SIGBUS && !is_dead(gate_of(filp)))
		gate_error(t, "SIGBUS, but it is not dead");
}

/* Is there a page?  If so it is that of the driver. */
static bool touch(struct gate_target *t, unsigned long addr, u32 life)
{
	u32 found;

	if (get_user(found, (u32 __user *)addr)) {
		atomic_inc(&seen[BUS_ERROR]);
		return false;
	}
	atomic_inc(&seen[TOUCHED]);
	if (found != life)
		gate_error(t, "mapped is %u instead of %u", found, life);
	return true;
}

static void use_map(struct gate_target *t, struct file *filp, u32 life,
		    const u32 *r)
{
	unsigned long addr, began;
	bool was_dead = is_dead(gate_of(filp));
	int i;

	addr = vm_mmap(filp, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	check(t, "mmap", filp, was_dead, false,
	      IS_ERR_VALUE(addr) ? (long)addr : 0);
	if (IS_ERR_VALUE(addr))
		return;
	for (i = 0; i < 50; i++) {
		if (r[2] % 4 == 0)
			user_fault(t, filp, addr);
		touch(t, addr, life);
		usleep_range(10, 20 + r[2] / 4 % 500);
	}
	/* It goes soon, whoever else has it. */
	began = jiffies;
	while (is_dead(gate_of(filp)) && touch(t, addr, life)) {
		msleep(20);
		if (time_after(jiffies, began + LONG_WAIT)) {
			gate_error(t, "mapped after the end");
			break;
		}
	}
	vm_munmap(addr, PAGE_SIZE);
}

void gate_file_map(struct gate_target *t, const u32 *r)
{
	struct file *filp = user_mm ? take(t, r) : NULL;
	long life;

	if (!filp)
		return;
	kthread_use_mm(user_mm);
	life = ask_life(t, filp);
	if (life > 0)
		use_map(t, filp, life, r);
	kthread_unuse_mm(user_mm);
	give_back(t, filp, r);
}

/* At the end they are everybody's, and nobody's: the driver has gone. */
void gate_file_stop(struct gate_target *t)
{
	int i;

	for (i = 0; i < GATE_KEPT; i++) {
		if (!t->kept[i])
			continue;
		ask_life(t, t->kept[i]);
		write_file(t, t->kept[i], 0);
		poll_file(t, t->kept[i], NULL);
		__fput_sync(t->kept[i]);
	}
	free_page((unsigned long)t->page);
}

int gate_file_init(struct gate_target *t)
{
	user_mm = current->mm;
	spin_lock_init(&t->kept_lock);
	spin_lock_init(&t->page_lock);
	t->page = (u32 *)get_zeroed_page(GFP_KERNEL);
	return t->page ? 0 : -ENOMEM;
}

/* Was there something of everything? */
void gate_file_check(bool enough, bool verbose)
{
	int i;

	for (i = 0; i < NR_SEEN; i++) {
		if (verbose)
			pr_info("files, %s: %d\n", seen_names[i],
				atomic_read(&seen[i]));
		if (enough && !atomic_read(&seen[i]) && (user_mm || i < TOUCHED))
			gate_error(NULL, "files, %s: none", seen_names[i]);
	}
}
