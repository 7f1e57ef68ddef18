/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the torture test share.
 */
#ifndef _PCI_RECOVERY_TORTURE_H
#define _PCI_RECOVERY_TORTURE_H

#include <linux/mutex.h>
#include <linux/prandom.h>

#include "fake.h"

/* So many random numbers make an action; see torture_act.c for who takes which. */
#define TORTURE_DRAWS	8

/**
 * struct torture_fn - a function that is tortured
 * @tpe: its PE
 * @fn: the platform's
 * @driver: see struct fake_fn
 * @out: it was taken out: no callback may come
 * @scanned: @cfg is there
 * @cfg: config space after a scan, before any driver
 * @pdev: what it was before, only to be compared
 * @asked: error_detected was called, and not yet followed by an end; under the
 *	device lock
 * @errors: so many of the next callbacks see another error
 * @error_at: in this callback, or in any if FAKE_NR_CALLS
 */
struct torture_fn {
	struct torture_pe *tpe;
	struct fake_fn *fn;
	u16 driver;
	bool out;
	bool scanned;
	u8 cfg[FAKE_CFG_SIZE];
	struct pci_dev *pdev;
	bool asked;
	atomic_t errors;
	enum fake_call error_at;
};

/**
 * struct torture_pe - a PE that is tortured
 * @fpe: the platform's
 * @parent: the PE above, or NULL
 * @root: the PE at the top
 * @kept: its functions stay, and nothing is done to it that an operator would
 *	have to clean up: it has to heal by itself, on the same pci_devs
 * @fns: number of functions
 * @fn: those
 * @hotplug: of the root: whoever takes functions of the tree out, puts them back
 * @operator: somebody has asked for an episode
 * @before: how many episodes there were when it was taken
 * @episodes: how many had ended when it was looked at last
 * @seen: when that changed, in jiffies
 */
struct torture_pe {
	struct fake_pe *fpe;
	struct torture_pe *parent;
	struct torture_pe *root;
	bool kept;
	unsigned int fns;
	struct torture_fn fn[FAKE_FNS];
	struct mutex hotplug; /* see above */
	bool operator;
	u32 before;
	u32 episodes;
	unsigned long seen;
};

/**
 * struct torture_action - something that a thread does
 * @name: for the log
 * @weight: how often, compared with the others
 * @wild: not to PEs that are kept
 * @run: do it; @tfn is a function of @tpe, @r TORTURE_DRAWS random numbers
 * @done: how often it was done
 */
struct torture_action {
	const char *name;
	unsigned int weight;
	bool wild;
	void (*run)(struct torture_pe *tpe, struct torture_fn *tfn,
		    const u32 *r);
	atomic_t done;
};

/* torture.c */
extern struct torture_pe *torture_pes;
extern struct torture_pe *torture_end;
extern unsigned int torture_limit;
void __printf(2, 3) torture_error(struct torture_pe *tpe, const char *fmt, ...);

/* torture_act.c */
extern struct torture_action torture_actions[];
struct torture_action *torture_pick(u32 r);
struct pci_dev *torture_get_dev(struct torture_fn *tfn);
int torture_plug(struct torture_fn *tfn);
void torture_unplug(struct torture_fn *tfn);
void torture_calm(void);
bool torture_below(struct torture_pe *tpe, struct torture_pe *root);

/* torture_check.c */
void torture_hook(struct fake_fn *fn, enum fake_call call);
void torture_op_hook(struct fake_pe *fpe, enum fake_op op);
void torture_watch(void);
bool torture_settle(void);

#endif /* _PCI_RECOVERY_TORTURE_H */
