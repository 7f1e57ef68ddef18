// SPDX-License-Identifier: GPL-2.0
/*
 * PEs above and below each other, and what is true of all of them.
 *
 * An error of a PE is one of all that are below it (a bridge, and what is behind
 * it), so its episode absorbs theirs: it waits for those that run to give way
 * at their next step, and none begins before it has ended.
 *
 * The lists are RCU lists, since reports go down the tree from any context.
 * A PE is never freed.
 */

#include <linux/wait_bit.h>

#include "recovery.h"

/* Which episode begins, and which PEs it is about.  Outside of pci_pe.lock. */
DEFINE_SPINLOCK(pci_tree_lock);

/* @pe and those below it are dealt with by the episode of @root. */
static void claim(struct pci_pe *pe, struct pci_pe *root)
{
	struct pci_pe *top = pe;

	lockdep_assert_held(&pci_tree_lock);

	guard(rcu)();
	for_each_pe(pe, top) {
		set_bit(PE_ABSORBED, &pe->flags);
		WRITE_ONCE(pe->above, root);
	}
}

/* The episode of @root is not about @top and those below it any more. */
static void disclaim(struct pci_pe *top, struct pci_pe *root)
{
	struct pci_pe *pe;

	lockdep_assert_held(&pci_tree_lock);

	guard(rcu)();
	for_each_pe(pe, top) {
		if (pe->above != root)
			continue;
		WRITE_ONCE(pe->above, NULL);
		if (!test_bit(PE_REPORTED, &pe->flags) &&
		    !test_bit(PE_RESCUED, &pe->flags))
			clear_bit(PE_ABSORBED, &pe->flags);
		pci_recovery_queue(pe);
	}
}

/**
 * pci_pe_set_parent - put a PE below another
 * @pe: the PE; pci_pe_unused() says that it may
 * @parent: the PE above, or NULL
 *
 * An episode that runs above has it from here on.
 *
 * Context: Process context; sleeps for a grace period if @pe had a parent.
 */
void pci_pe_set_parent(struct pci_pe *pe, struct pci_pe *parent)
{
	struct pci_pe *old = pe->parent;

	if (old == parent)
		return;
	if (old) {
		scoped_guard(spinlock_irq, &pci_tree_lock) {
			list_del_rcu(&pe->sibling);
			/* One may have begun above it since it was seen unused. */
			if (pe->above)
				disclaim(pe, pe->above);
		}
		/* Nobody may be on the way from here to the next. */
		synchronize_rcu();
	}
	guard(spinlock_irq)(&pci_tree_lock);
	WRITE_ONCE(pe->parent, parent);
	if (!parent)
		return;
	list_add_tail_rcu(&pe->sibling, &parent->children);
	if (parent->above)
		claim(pe, parent->above);
	else if (parent->running)
		claim(pe, parent);
}
EXPORT_SYMBOL_GPL(pci_pe_set_parent);

/**
 * pci_pe_unused - may a PE be put elsewhere?
 * @pe: the PE
 *
 * Context: Any.
 * Return: true if it has no functions, nor has one below it, and no episode is
 * about it.
 */
bool pci_pe_unused(struct pci_pe *pe)
{
	guard(rcu)();
	return !READ_ONCE(pe->running) && !READ_ONCE(pe->above) &&
	       !pci_pe_dev_rcu(pe);
}

/**
 * pci_pe_next - go through a PE and those below it
 * @pe: where to go on; begin with @root
 * @root: the PE
 *
 * Context: Any, inside an RCU read-side section.
 * Return: The PE that follows @pe, which comes before those below it, or NULL
 * after the last.
 */
struct pci_pe *pci_pe_next(struct pci_pe *pe, struct pci_pe *root)
{
	struct pci_pe *next, *parent;

	next = list_first_or_null_rcu(&pe->children, struct pci_pe, sibling);
	while (!next && pe != root) {
		/* None, if it was put elsewhere since it was looked at. */
		parent = READ_ONCE(pe->parent);
		if (!parent)
			break;
		next = list_next_or_null_rcu(&parent->children, &pe->sibling,
					     struct pci_pe, sibling);
		pe = parent;
	}
	return next;
}

/* Move the state word of @pe; false if it is dead, which only fn_add() undoes. */
bool pci_pe_move(struct pci_pe *pe, enum pci_pe_state to)
{
	int old = atomic_read(&pe->state);

	do {
		if (old == PCI_PE_DEAD)
			return false;
	} while (!atomic_try_cmpxchg(&pe->state, &old, to));
	wake_up_var(&pe->state);
	return true;
}

/* Move all, if that is possible for @root. */
bool pci_tree_move(struct pci_pe *root, enum pci_pe_state to)
{
	struct pci_pe *pe;
	bool moved;

	guard(rcu)();
	moved = pci_pe_move(root, to);
	for_each_pe(pe, root) {
		if (pe != root && moved)
			pci_pe_move(pe, to);
	}
	return moved;
}

/* The state of a PE that was live; the others know more than that. */
static void pe_change(struct pci_pe *pe, int from, int to)
{
	if (atomic_try_cmpxchg(&pe->state, &from, to))
		wake_up_var(&pe->state);
}

static void publish_one(struct pci_pe *pe, pci_channel_state_t channel)
{
	struct pci_pe_fn *fn;

	list_for_each_entry_rcu(fn, &pe->fns, node) {
		pci_dev_set_io_state(fn->pdev, channel);
		pci_gate_publish(fn->pdev, channel);
	}
}

/*
 * Let everyone who looks at the pci_devs of @root see what became of them.  What is
 * normal again opens no gate: see pci_recovery_open() and pci_pe_open().
 */
void pci_pe_publish(struct pci_pe *root, pci_channel_state_t channel)
{
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, root)
		publish_one(pe, channel);
}

/* There is an error: the state words first, then the pci_devs. */
void pci_pe_publish_error(struct pci_pe *root)
{
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, root)
		pe_change(pe, PCI_PE_LIVE, PCI_PE_FROZEN);
	pci_pe_publish(root, pci_channel_io_frozen);
}

/* What was published may be the contrary of what was reported in between. */
static void reports(struct pci_pe *root)
{
	struct pci_pe *pe;

	lockdep_assert_held(&pci_tree_lock);

	for_each_pe(pe, root) {
		if (test_bit(PE_REPORTED, &pe->flags))
			pci_pe_publish_error(pe);
	}
	for (pe = root->parent; pe; pe = pe->parent) {
		if (test_bit(PE_REPORTED, &pe->flags))
			pci_pe_publish_error(root);
	}
}

/*
 * There is no error: take back what pci_recovery_report() published.  Not of a
 * PE that is in an episode of its own, or one above.
 */
void pci_pe_withdraw(struct pci_pe *root)
{
	struct pci_pe *pe;

	guard(spinlock_irq)(&pci_tree_lock);
	guard(rcu)();
	for_each_pe(pe, root) {
		if ((pe != root && READ_ONCE(pe->running)) ||
		    (pe->above && pe->above != root))
			continue;
		publish_one(pe, pci_channel_io_normal);
		pe_change(pe, PCI_PE_FROZEN, PCI_PE_LIVE);
	}
	reports(root);
}

/*
 * @root is live again, unless an error was reported meanwhile, of which an episode
 * above may have begun.
 */
void pci_tree_reports(struct pci_pe *root)
{
	guard(spinlock_irq)(&pci_tree_lock);
	guard(rcu)();
	reports(root);
	if (root->above)
		pci_pe_publish_error(root);
}

/* Is this flag, of what is not taken up, set for one of them? */
bool pci_pe_flagged(struct pci_pe *root, int flag)
{
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, root) {
		if (test_bit(flag, &pe->flags))
			return true;
	}
	return false;
}

/*
 * An episode of @root begins: it owns all that are below from here on, and
 * those of an episode below @root that runs.
 */
void pci_tree_claim(struct pci_pe *root)
{
	struct pci_pe *pe;

	lockdep_assert_held(&pci_tree_lock);

	guard(rcu)();
	list_for_each_entry_rcu(pe, &root->children, sibling)
		claim(pe, root);
}

static struct pci_pe *busy_below(struct pci_pe *root)
{
	struct pci_pe *pe;

	guard(rcu)();
	for_each_pe(pe, root) {
		if (pe != root && READ_ONCE(pe->running))
			return pe;
	}
	return NULL;
}

/*
 * Until the episodes below have given way.  A driver that is in one of them may
 * wait for what froze above it.
 */
void pci_tree_wait(struct pci_episode *ep)
{
	struct pci_pe *pe = busy_below(ep->pe);

	if (!pe)
		return;
	pci_watch_wait(ep, NULL);
	do {
		wait_var_event(&pe->episodes, !READ_ONCE(pe->running));
		pe = busy_below(ep->pe);
	} while (pe);
	pci_watch_end(ep);
}

/* The episode of @root ends: what was reported below meanwhile has its turn. */
void pci_tree_release(struct pci_pe *root)
{
	disclaim(root, root);
}
