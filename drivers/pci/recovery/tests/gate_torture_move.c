// SPDX-License-Identifier: GPL-2.0
/*
 * Torture of gates: those who freeze, thaw, drain, close and kill.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "gate_torture.h"
#include "../recovery.h"

/* The action of a gate: nobody can be inside. */
static void res_release(void *data)
{
	struct gate_target *t = data;
	struct gate_res *res = READ_ONCE(t->res);

	gate_node_gone(t);
	WRITE_ONCE(t->res, NULL);
	if (atomic_read(&res->inside))
		gate_error(t, "%d inside when it is released",
			   atomic_read(&res->inside));
	WRITE_ONCE(res->magic, RES_BAD);
	/* Who has drained the gate looks at it. */
	kfree_rcu(res, rcu);
}

/* A gate for @t, if it has a driver.  Under its lock. */
int gate_create(struct gate_target *t)
{
	struct pci_dev *pdev = t->fn->pdev;
	struct gate_res *res;
	struct pci_gate *gate;
	int ret;

	lockdep_assert_held(&t->lock);

	guard(device)(&pdev->dev);
	if (!pdev->dev.driver)
		return 0;
	gate = pcim_gate_create(pdev);
	if (IS_ERR(gate))
		return PTR_ERR(gate);
	if (READ_ONCE(t->res))
		return 0;
	res = kzalloc(sizeof(*res), GFP_KERNEL);
	if (!res)
		return -ENOMEM;
	res->magic = RES_GOOD;
	/* Whoever is inside may use it from here on. */
	smp_store_release(&t->res, res);
	ret = pci_gate_add_action(gate, res_release, t);
	if (!ret)
		return gate_node_create(t, gate);
	/* Somebody closes it without the lock, but not everybody is out. */
	pci_gate_close(gate);
	res_release(t);
	return ret == -ENODEV ? 0 : ret;
}

/* Nobody is inside: whoever is shall be found. */
static void reset(struct gate_target *t, u32 r)
{
	struct gate_res *res;

	scoped_guard(rcu) {
		/* Somebody may close it without the lock. */
		res = READ_ONCE(t->res);
		if (res && atomic_read(&res->inside))
			gate_error(t, "%d inside after a drain",
				   atomic_read(&res->inside));
	}
	WRITE_ONCE(t->resetting, true);
	gate_node_reset(t, r % 2 ? 20 + r % 1000 : 0);
	WRITE_ONCE(t->resets, t->resets + 1);
	WRITE_ONCE(t->resetting, false);
}

static void drain(struct gate_target *t, struct pci_gate *gate, u32 r)
{
	int ret;

	/* A try first, that may fail. */
	if (r % 4 == 0 && pci_gate_drain(gate, r / 4 % 4) == -EAGAIN)
		gate_error(t, "thawed by somebody else");
	ret = pci_gate_drain(gate, gate_limit * HZ);
	if (ret)
		gate_error(t, "cannot be drained: %d", ret);
	else
		reset(t, r);
}

/* Freeze, drain, reset, thaw; or less of it. */
void gate_move_cycle(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate;

	guard(mutex)(&t->lock);
	gate = pci_gate_find(t->fn->pdev);
	if (!gate)
		return;
	pci_gate_freeze(gate);
	if (r[0] % 4)
		drain(t, gate, r[1]);
	if (r[0] % 8 == 1)
		pci_gate_kill(gate);
	if (pci_gate_thaw(gate) && pci_gate_error(gate) != -ENODEV)
		gate_error(t, "thaw failed");
	pci_gate_put(gate);
}

/* As many as are free at the moment, at once. */
void gate_move_many(struct gate_target *t, const u32 *r)
{
	struct gate_target *locked[FAKE_FNS];
	struct pci_gate *gates[FAKE_FNS];
	unsigned int i, n = 0;
	int ret;

	for (i = 0; i < gate_nr && n < FAKE_FNS; i++) {
		t = &gate_targets[i];
		if (t->by_core || !mutex_trylock(&t->lock))
			continue;
		locked[n] = t;
		gates[n] = pci_gate_find(t->fn->pdev);
		if (gates[n])
			n++;
		else
			mutex_unlock(&t->lock);
	}
	for (i = 0; i < n; i++)
		pci_gate_freeze(gates[i]);
	ret = pci_gate_drain_many(gates, n, gate_limit * HZ);
	if (ret)
		gate_error(NULL, "%u cannot be drained: %d", n, ret);
	for (i = 0; i < n; i++) {
		if (!ret)
			reset(locked[i], r[0] + i);
		pci_gate_thaw(gates[i]);
		pci_gate_put(gates[i]);
		mutex_unlock(&locked[i]->lock);
	}
}

/* From anywhere, at any time; whoever thaws next, thaws this as well. */
static void move_irq(struct gate_target *t, bool kill)
{
	struct pci_dev *pdev = READ_ONCE(t->fn->pdev);
	struct pci_gate *gate = pdev ? pci_gate_find(pdev) : NULL;

	if (gate && kill)
		pci_gate_kill(gate);
	else if (gate)
		pci_gate_freeze(gate);
	pci_gate_put(gate);
}

static void freeze_irq(struct irq_work *work)
{
	move_irq(container_of(work, struct gate_target, freeze_irq), false);
}

static void kill_irq(struct irq_work *work)
{
	move_irq(container_of(work, struct gate_target, kill_irq), true);
}

void gate_move_freeze(struct gate_target *t, const u32 *r)
{
	irq_work_queue(&t->freeze_irq);
	if (r[0] % 2)
		usleep_range(10, 10 + r[1] % 500);
	gate_move_cycle(t, r);
}

/* Before the driver frees what its files use. */
static void remove_hook(struct fake_fn *fn, enum fake_call call)
{
	unsigned int i;

	for (i = 0; call == FAKE_REMOVE && i < gate_nr; i++) {
		if (gate_targets[i].fn == fn)
			gate_node_gone(&gate_targets[i]);
	}
}

/* By the core, which has drained the gate. */
static void reset_hook(struct fake_pe *fpe, enum fake_op op)
{
	unsigned int i;

	if (op != FAKE_RESET && op != FAKE_DEEP_RESET)
		return;
	for (i = 0; i < gate_nr; i++) {
		if (gate_targets[i].fpe == fpe)
			gate_node_reset(&gate_targets[i], 100);
	}
}

/* A death, and another gate after that: by a close, or by another driver. */
static void again(struct gate_target *t, bool rebind)
{
	struct device *dev = &t->fn->pdev->dev;
	struct pci_gate *gate;
	int ret;

	lockdep_assert_held(&t->lock);

	gate = pci_gate_find(t->fn->pdev);
	if (rebind) {
		device_release_driver(dev);
		ret = device_attach(dev);
		if (ret < 0)
			gate_error(t, "cannot bind: %d", ret);
	} else if (gate) {
		pci_gate_close(gate);
	}
	if (gate && pci_gate_tryenter(gate) != -ENODEV)
		gate_error(t, "got in after a close");
	if (gate && !READ_ONCE(gate->released))
		gate_error(t, "not released after a close");
	pci_gate_put(gate);
	ret = gate_create(t);
	if (ret)
		gate_error(t, "cannot make a gate: %d", ret);
}

void gate_move_kill(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate = pci_gate_find(READ_ONCE(t->fn->pdev));

	if (r[2] % 2)
		irq_work_queue(&t->kill_irq);
	else if (gate)
		pci_gate_kill(gate);
	usleep_range(10, 10 + r[0] % 3000);
	if (gate && r[2] % 2 == 0 && pci_gate_state(gate) != PCI_GATE_DEAD)
		gate_error(t, "back from the dead: %d", pci_gate_state(gate));
	pci_gate_put(gate);
	guard(mutex)(&t->lock);
	again(t, r[1] % 2);
}

void gate_move_close(struct gate_target *t, const u32 *r)
{
	struct pci_gate *gate;

	/* Without the lock: as another one who closes it, or is overtaken. */
	if (r[0] % 2) {
		gate = pci_gate_find(READ_ONCE(t->fn->pdev));
		if (gate)
			pci_gate_close(gate);
		pci_gate_put(gate);
	}
	guard(mutex)(&t->lock);
	again(t, false);
}

void gate_move_rebind(struct gate_target *t, const u32 *r)
{
	guard(mutex)(&t->lock);
	again(t, true);
}

/* An error: the core does all the rest. */
void gate_move_error(struct gate_target *t, const u32 *r)
{
	static const pci_ers_result_t votes[] = {
		PCI_ERS_RESULT_NEED_RESET, PCI_ERS_RESULT_CAN_RECOVER,
		PCI_ERS_RESULT_NEED_RESET, PCI_ERS_RESULT_NONE,
	};

	WRITE_ONCE(t->fn->vote[FAKE_ERROR_DETECTED], votes[r[0] % 4]);
	if (r[1] % 4)
		fake_error(t->fpe);
	else
		pci_recovery_report(&t->fpe->pe, PCI_REPORT_ERROR);
	/* What was rebound has no gate. */
	if (r[1] % 8 == 1) {
		fake_idle(t->fpe);
		guard(mutex)(&t->lock);
		gate_create(t);
	}
}

/* Pulled, and the driver is taken off; bound again after that. */
void gate_move_gone(struct gate_target *t, const u32 *r)
{
	guard(mutex)(&t->lock);
	fake_gone(t->fpe);
	fake_release(t->fpe);
	fake_idle(t->fpe);
	fake_fn_del(t->fn);
	if (fake_fn_add(t->fn, FAKE_AWARE) || gate_create(t))
		gate_error(t, "cannot be plugged in");
}

void gate_move_init(struct gate_target *t)
{
	mutex_init(&t->lock);
	WRITE_ONCE(t->fn->hook, remove_hook);
	WRITE_ONCE(t->fpe->hook, reset_hook);
	t->freeze_irq = IRQ_WORK_INIT_HARD(freeze_irq);
	t->kill_irq = IRQ_WORK_INIT_HARD(kill_irq);
}

void gate_move_stop(struct gate_target *t)
{
	irq_work_sync(&t->freeze_irq);
	irq_work_sync(&t->kill_irq);
}
