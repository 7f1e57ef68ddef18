/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the torture test of gates share.
 */
#ifndef _PCI_RECOVERY_GATE_TORTURE_H
#define _PCI_RECOVERY_GATE_TORTURE_H

#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/pci-gate.h>
#include <linux/prandom.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>

#include "fake.h"

/* So many random numbers make an action. */
#define GATE_DRAWS	4

/* Of drivers of a target that are known, and of files that are kept open. */
#define GATE_LIVES	16
#define GATE_KEPT	4

/* What its device file is called, by number; and what it is asked. */
#define GATE_NODE	"gate_torture%u"
#define GATE_LIFE	1

#define RES_GOOD	0x600d600d
#define RES_BAD		0xbadbadba

/**
 * struct gate_res - what sections use
 * @magic: RES_GOOD until it is released
 * @inside: how many use it
 * @rcu: to free it
 */
struct gate_res {
	u32 magic;
	atomic_t inside;
	struct rcu_head rcu;
};

/**
 * struct gate_life - a driver's time with a gate, and its device file
 * @t: of which device
 * @gate: the gate
 * @number: no other one has it
 * @gone: it is over, none of its file operations may run
 * @files: that it has to release
 * @calls: of its file operations that run
 */
struct gate_life {
	struct gate_target *t;
	struct pci_gate *gate;
	u32 number;
	bool gone;
	atomic_t files;
	atomic_t calls;
};

/**
 * struct gate_target - a device that is tortured
 * @fpe: its PE
 * @fn: its function
 * @by_core: the recovery core freezes and thaws its gate, and we do not
 * @lock: protects the gate's life, and from a freeze of ours to its thaw
 * @res: of the gate that there is now
 * @resetting: nobody may be inside
 * @resets: how often that was so
 * @queue: is never woken but by the way
 * @irq: a reader in an interrupt
 * @timer: a reader in a softirq
 * @freeze_irq: freezes from an interrupt
 * @kill_irq: kills from an interrupt
 * @hold_timer: ends a hold
 * @holder: the gate that is held, or NULL; who has set it owns @hold_timer
 * @held: what is held
 * @lives: drivers with a device file, the last ones
 * @page_lock: protects @life, whether it is gone, and what is in @page
 * @life: the last one of them
 * @nr_lives: how many there were
 * @page: what is mapped: the number of a driver, or 0 in a reset and without one
 * @kept_lock: protects @kept
 * @kept: files that stay open, of any driver that there was
 */
struct gate_target {
	struct fake_pe *fpe;
	struct fake_fn *fn;
	bool by_core;
	struct mutex lock; /* see above */
	struct gate_res *res;
	bool resetting;
	unsigned int resets;
	wait_queue_head_t queue;
	struct irq_work irq;
	struct timer_list timer;
	struct irq_work freeze_irq;
	struct irq_work kill_irq;
	struct timer_list hold_timer;
	struct pci_gate *holder;
	struct gate_res *held;
	struct gate_life lives[GATE_LIVES];
	spinlock_t page_lock; /* see above */
	struct gate_life *life;
	unsigned int nr_lives;
	u32 *page;
	spinlock_t kept_lock; /* see above */
	struct file *kept[GATE_KEPT];
};

/**
 * struct gate_action - something that a thread does
 * @name: for the log
 * @weight: how often, compared with the others
 * @who: 0: to all, 1: not if the core does it, 2: only then
 * @run: do it
 * @done: how often it was done
 */
struct gate_action {
	const char *name;
	unsigned int weight;
	unsigned int who;
	void (*run)(struct gate_target *t, const u32 *r);
	atomic_t done;
};

/* gate_torture.c */
extern struct gate_target *gate_targets;
extern unsigned int gate_nr;
extern unsigned int gate_limit;
void __printf(2, 3) gate_error(struct gate_target *t, const char *fmt, ...);

/* gate_torture_read.c */
void gate_read_init(struct gate_target *t);
void gate_read_stop(struct gate_target *t);
struct gate_res *gate_read_begin(struct gate_target *t);
void gate_read_end(struct gate_target *t, struct gate_res *res);
void gate_read_atomic(struct gate_target *t, const u32 *r);
void gate_read_sleep(struct gate_target *t, const u32 *r);
void gate_read_nested(struct gate_target *t, const u32 *r);
void gate_read_irq(struct gate_target *t, const u32 *r);
void gate_read_hold(struct gate_target *t, const u32 *r);
void gate_read_wait(struct gate_target *t, const u32 *r);
void gate_read_cancel(struct gate_target *t, const u32 *r);

/* gate_torture_move.c */
int gate_create(struct gate_target *t);
void gate_move_init(struct gate_target *t);
void gate_move_stop(struct gate_target *t);
void gate_move_cycle(struct gate_target *t, const u32 *r);
void gate_move_many(struct gate_target *t, const u32 *r);
void gate_move_freeze(struct gate_target *t, const u32 *r);
void gate_move_kill(struct gate_target *t, const u32 *r);
void gate_move_close(struct gate_target *t, const u32 *r);
void gate_move_rebind(struct gate_target *t, const u32 *r);
void gate_move_error(struct gate_target *t, const u32 *r);
void gate_move_gone(struct gate_target *t, const u32 *r);

/* gate_torture_file.c */
int gate_file_init(struct gate_target *t);
void gate_file_stop(struct gate_target *t);
void gate_file_call(struct gate_target *t, const u32 *r);
void gate_file_open(struct gate_target *t, const u32 *r);
void gate_file_poll(struct gate_target *t, const u32 *r);
void gate_file_map(struct gate_target *t, const u32 *r);
void gate_file_check(bool enough, bool verbose);

/* gate_torture_node.c */
int gate_node_create(struct gate_target *t, struct pci_gate *gate);
void gate_node_gone(struct gate_target *t);
void gate_node_reset(struct gate_target *t, unsigned int us);

/* gate_deadlock.c */
int gate_deadlock(void);

#endif /* _PCI_RECOVERY_GATE_TORTURE_H */
