// SPDX-License-Identifier: GPL-2.0
/*
 * Torture of gates: those who use the device, in all contexts.
 *
 * Inside, the resource is there, it is not being reset, and if the epoch is that
 * of a section before the device was not reset since.  No wait outlasts the moment
 * in which its gate is shut, and no callback runs when the driver is gone.
 */

#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/sched.h>

#include "gate_torture.h"

/* Nothing takes so long, and gates are shut far more often. */
#define LONG_WAIT	(gate_limit * HZ)

/* The gate there is now, which may be shut at any time.  Any context. */
static struct pci_gate *get_gate(struct gate_target *t)
{
	struct pci_dev *pdev;
	struct pci_gate *gate;

	guard(rcu)();
	pdev = READ_ONCE(t->fn->pdev);
	gate = pdev ? pci_gate_find(pdev) : NULL;
	return gate;
}

/* Inside: what there is to use, or NULL if it is not there yet. */
struct gate_res *gate_read_begin(struct gate_target *t)
{
	/* Pairs with gate_create(). */
	struct gate_res *res = smp_load_acquire(&t->res);

	if (READ_ONCE(t->resetting) || atomic_read(&t->fpe->in_reset))
		gate_error(t, "got in during a reset");
	if (!res)
		return NULL;
	atomic_inc(&res->inside);
	if (READ_ONCE(res->magic) != RES_GOOD)
		gate_error(t, "got in after the end");
	return res;
}

void gate_read_end(struct gate_target *t, struct gate_res *res)
{
	if (READ_ONCE(t->resetting) || atomic_read(&t->fpe->in_reset))
		gate_error(t, "reset with somebody inside");
	if (!res)
		return;
	if (READ_ONCE(res->magic) != RES_GOOD)
		gate_error(t, "released with somebody inside");
	atomic_dec(&res->inside);
}

/* Interrupts and what runs in between go for both. */
static void linger(u32 r)
{
	if (r % 16 == 0)
		udelay(r / 16 % 200);
	else
		ndelay(r / 16 % 1000);
}

static void use_atomic(struct gate_target *t, struct pci_gate *gate, u32 r)
{
	struct gate_res *res;

	if (!pci_gate_enter_atomic(gate))
		return;
	res = gate_read_begin(t);
	linger(r);
	gate_read_end(t, res);
	pci_gate_exit_atomic(gate);
}

void gate_read_atomic(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = get_gate(t);
	int i;

	for (i = 0; gate && i < 100; i++)
		use_atomic(t, gate, r[0] + i);
	pci_gate_put(gate);
}

void gate_read_sleep(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = get_gate(t);
	unsigned int resets = 0;
	u32 before, epoch = 0;
	bool live;
	int i, ret;

	for (i = 0; gate && i < 20; i++) {
		struct gate_res *res;

		before = pci_gate_epoch(gate);
		live = pci_gate_state(gate) == PCI_GATE_LIVE;
		ret = r[0] % 4 ? pci_gate_tryenter(gate) : pci_gate_enter(gate);
		/* If it was found drained the state was moved before. */
		smp_rmb();
		if (ret && live && pci_gate_state(gate) == PCI_GATE_LIVE &&
		    pci_gate_epoch(gate) == before)
			gate_error(t, "kept out of a live gate");
		if (ret)
			continue;
		res = gate_read_begin(t);
		if (i && epoch == pci_gate_epoch(gate) &&
		    resets != READ_ONCE(t->resets))
			gate_error(t, "reset in the same epoch");
		epoch = pci_gate_epoch(gate);
		resets = READ_ONCE(t->resets);
		if (i % 8)
			linger(r[1] + i);
		else
			usleep_range(10, 20 + r[1] % 2000);
		gate_read_end(t, res);
		pci_gate_exit(gate);
	}
	pci_gate_put(gate);
}

/* One in the other, and the inner one when the gate is shut, perhaps. */
void gate_read_nested(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = get_gate(t);
	struct gate_res *res;

	if (gate && !pci_gate_tryenter(gate)) {
		res = gate_read_begin(t);
		usleep_range(10, 20 + r[0] % 1000);
		pci_gate_enter_nested(gate);
		use_atomic(t, gate, r[1]);
		if (!pci_gate_tryenter(gate)) {
			linger(r[1]);
			pci_gate_exit(gate);
		}
		linger(r[2]);
		pci_gate_exit(gate);
		gate_read_end(t, res);
		pci_gate_exit(gate);
	}
	pci_gate_put(gate);
}

/* In an interrupt, or a softirq. */
static void use_both(struct gate_target *t)
{
	struct pci_gate *gate = get_gate(t);
	struct gate_res *res;

	if (!gate)
		return;
	use_atomic(t, gate, jiffies);
	if (!pci_gate_tryenter(gate)) {
		res = gate_read_begin(t);
		linger(jiffies + 1);
		gate_read_end(t, res);
		pci_gate_exit(gate);
	}
	pci_gate_put(gate);
}

static void irq_reader(struct irq_work *work)
{
	use_both(container_of(work, struct gate_target, irq));
}

static void timer_reader(struct timer_list *timer)
{
	use_both(container_of(timer, struct gate_target, timer));
}

void gate_read_irq(struct gate_target *t, const u32 *r)
{
	irq_work_queue(&t->irq);
	/* Several do at the same time, and it looks before it takes its lock. */
	data_race(mod_timer(&t->timer, jiffies + r[0] % 3));
}

static void hold_end(struct timer_list *timer)
{
	struct gate_target *t = container_of(timer, struct gate_target,
					     hold_timer);
	struct pci_gate *gate = t->holder;

	gate_read_end(t, t->held);
	pci_gate_unhold(gate);
	/* Whoever sees that may hold it again. */
	smp_store_release(&t->holder, NULL);
	pci_gate_put(gate);
}

void gate_read_hold(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = get_gate(t);

	if (!gate)
		return;
	if (cmpxchg(&t->holder, NULL, gate)) {
		pci_gate_put(gate);
		return;
	}
	if (pci_gate_hold(gate)) {
		/* As hold_end(). */
		smp_store_release(&t->holder, NULL);
		pci_gate_put(gate);
		return;
	}
	t->held = gate_read_begin(t);
	mod_timer(&t->hold_timer, jiffies + r[0] % 8);
}

static long wait_somehow(struct gate_target *t, struct pci_gate *gate,
			 const u32 *r, unsigned int flags)
{
	struct completion never;

	switch (r[0] % 3) {
	case 0:
		return pci_gate_wait_event_timeout(gate, t->queue, false,
						   LONG_WAIT, flags);
	case 1:
		init_completion(&never);
		return pci_gate_wait_for_completion_timeout(gate, &never,
							    LONG_WAIT, flags);
	default:
		return pci_gate_msleep(gate, gate_limit * 1000, flags);
	}
}

/*
 * A wait of which nothing is the end but the gate, inside or not.  One that finds
 * out only when its time is over was not woken.
 */
void gate_read_wait(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = get_gate(t);
	unsigned long began = jiffies;
	struct gate_res *res;
	long ret = 0;

	if (!gate)
		return;
	if (r[1] % 4 == 0) {
		ret = wait_somehow(t, gate, r, PCI_GATE_WAIT_THAW);
	} else if (!pci_gate_tryenter(gate)) {
		res = gate_read_begin(t);
		ret = wait_somehow(t, gate, r, 0);
		gate_read_end(t, res);
		pci_gate_exit(gate);
	}
	if (ret && time_after_eq(jiffies, began + LONG_WAIT))
		gate_error(t, "wait was not woken, state %d",
			   pci_gate_state(gate));
	pci_gate_put(gate);
}

/**
 * struct foreign_wait - a wait that knows nothing of the gate
 * @cancel: ends it
 * @done: what it waits for
 * @t: whose it is
 * @gone: it is over, and the callback must not come any more
 */
struct foreign_wait {
	struct pci_gate_cancel cancel;
	struct completion done;
	struct gate_target *t;
	bool gone;
};

static void cancel_foreign(struct pci_gate *gate, struct pci_gate_cancel *cancel,
			   enum pci_gate_state state)
{
	struct foreign_wait *wait = container_of(cancel, struct foreign_wait,
						 cancel);
	struct gate_res *res = READ_ONCE(wait->t->res);

	if (READ_ONCE(wait->gone))
		gate_error(wait->t, "callback after its end");
	if (res && READ_ONCE(res->magic) != RES_GOOD)
		gate_error(wait->t, "callback without a driver");
	complete(&wait->done);
}

void gate_read_cancel(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = get_gate(t);
	unsigned int resets;
	struct foreign_wait wait = { .t = t };
	struct gate_res *res = NULL;
	bool inside;

	if (!gate)
		return;
	inside = r[0] % 2 && !pci_gate_tryenter(gate);
	if (inside)
		res = gate_read_begin(t);
	init_completion(&wait.done);
	wait.cancel.cancel = cancel_foreign;
	resets = READ_ONCE(t->resets);
	/* Nobody may have shut it, or not for long enough for a drain. */
	if (!pci_gate_cancel_add(gate, &wait.cancel) &&
	    !wait_for_completion_timeout(&wait.done, LONG_WAIT) &&
	    (pci_gate_error(gate) == -ENODEV || resets != READ_ONCE(t->resets)))
		gate_error(t, "wait was not cancelled, state %d",
			   pci_gate_state(gate));
	if (inside) {
		gate_read_end(t, res);
		pci_gate_exit(gate);
	}
	pci_gate_cancel_del(gate, &wait.cancel);
	WRITE_ONCE(wait.gone, true);
	pci_gate_put(gate);
}

void gate_read_init(struct gate_target *t)
{
	init_waitqueue_head(&t->queue);
	t->irq = IRQ_WORK_INIT_HARD(irq_reader);
	timer_setup(&t->timer, timer_reader, 0);
	timer_setup(&t->hold_timer, hold_end, 0);
}

void gate_read_stop(struct gate_target *t)
{
	timer_shutdown_sync(&t->timer);
	irq_work_sync(&t->irq);
	/* Until hold_end() does not touch it any more. */
	while (smp_load_acquire(&t->holder))
		msleep(20);
	timer_shutdown_sync(&t->hold_timer);
}
