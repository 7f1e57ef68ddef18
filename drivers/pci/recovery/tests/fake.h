/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A platform that is not there: PEs, functions, drivers, and what goes wrong.
 *
 * For the tests of the recovery core.  Each PE is one slot of a synthetic host
 * bridge, with up to eight functions.  The PCI core scans them as any other, so
 * all but the hardware is real.
 *
 * Below: fake_config.c what a function's config space does, fake_host.c the
 * bridges, fake_pe.c the platform, fake_optional.c what not every platform has,
 * fake_driver.c the drivers, fake_log.c what happened.
 */
#ifndef _PCI_RECOVERY_FAKE_H
#define _PCI_RECOVERY_FAKE_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/pci-recovery.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

/* In a PE, on a bus, and buses. */
#define FAKE_FNS	8
#define FAKE_SLOTS	32
#define FAKE_HOSTS	34
#define FAKE_PES	(FAKE_HOSTS * FAKE_SLOTS)

/* The first host's; the others follow. */
#define FAKE_DOMAIN	0xfa00
#define FAKE_VENDOR	0xfa4e
#define FAKE_CFG_SIZE	0x180
#define FAKE_BAR_SIZE	SZ_64K
#define FAKE_SERIAL	0x0123456789abcdefULL

/* Where the capabilities are. */
#define FAKE_MSIX	0x40
#define FAKE_MSI	0x50
#define FAKE_PCIE	0x70
#define FAKE_AER	0x100
#define FAKE_DSN	0x148
#define FAKE_ATS	0x158
#define FAKE_PASID	0x160

/*
 * Drivers are known by the callbacks they have, which is also the device id of
 * the functions they bind to.
 */
#define FAKE_HAS_ERROR_DETECTED	BIT(0)
#define FAKE_HAS_MMIO_ENABLED	BIT(1)
#define FAKE_HAS_SLOT_RESET	BIT(2)
#define FAKE_HAS_RESUME		BIT(3)
#define FAKE_DRIVERS		16
#define FAKE_UNAWARE		0
#define FAKE_AWARE		(FAKE_DRIVERS - 1)
#define FAKE_DRIVERLESS		FAKE_DRIVERS

/* What the core does to a PE. */
enum fake_op {
	FAKE_LOCK,
	FAKE_FREEZE,
	FAKE_DIAGNOSE,
	FAKE_THAW_MMIO,
	FAKE_THAW_DMA,
	FAKE_RESET,
	FAKE_DEEP_RESET,
	FAKE_RESCAN,
	FAKE_REPORT,
	FAKE_CHECK,
	FAKE_NR_OPS
};

/* What the core makes a driver do. */
enum fake_call {
	FAKE_PROBE,
	FAKE_REMOVE,
	FAKE_ERROR_DETECTED,
	FAKE_PERM_FAILURE,
	FAKE_MMIO_ENABLED,
	FAKE_SLOT_RESET,
	FAKE_RESUME,
	FAKE_NR_CALLS
};

/* What comes back after a reset. */
enum fake_change {
	FAKE_SAME,
	FAKE_OTHER_DEVICE,
	FAKE_OTHER_SERIAL,
	FAKE_NO_ANSWER,
};

struct fake_pe;

/**
 * struct fake_fn - a function
 * @fpe: its PE
 * @pdev: what the PCI core made of it, referenced; NULL if it is not there.
 *	Changes under the rescan/remove lock
 * @rescan: where to look for it again, under the rescan/remove lock
 * @scanning: the PCI core looks for it, and it answers whatever happened: of one
 *	that stops in the middle pci_setup_device() leaks the name
 * @sound: no error came while the PCI core scanned it, so @pdev is as it should
 * @driver: the callbacks of its driver, FAKE_HAS_*, or FAKE_DRIVERLESS
 * @present: it answers
 * @cfg: its config space
 * @vote: what its driver answers, by callback
 * @ms: how long its driver takes, by callback
 * @called: how often its driver was called, by callback
 * @fail_probes: so many probes fail from now on
 * @probe_error: and so
 * @hook: is called from each callback, if set
 * @inside: a callback is running
 */
struct fake_fn {
	struct fake_pe *fpe;
	struct pci_dev *pdev;
	struct pci_bus *rescan;
	bool scanning;
	bool sound;
	u16 driver;
	bool present;
	u8 cfg[FAKE_CFG_SIZE];
	pci_ers_result_t vote[FAKE_NR_CALLS];
	unsigned int ms[FAKE_NR_CALLS];
	atomic_t called[FAKE_NR_CALLS];
	atomic_t fail_probes;
	int probe_error;
	void (*hook)(struct fake_fn *fn, enum fake_call call);
	atomic_t inside;
};

/**
 * struct fake_fault - an operation that fails
 * @skip: not the first so many times
 * @times: but so many times after that
 * @error: and so
 */
struct fake_fault {
	unsigned int skip;
	unsigned int times;
	int error;
};

/**
 * struct fake_log - what the trace says of a PE's episodes
 * @lock: protects all
 * @text: one line each, see fake_log.c
 * @used: length of @text
 * @last_only: @text is about the episode that runs, or that ran last
 * @episode: the one that runs, or that ran last
 * @begins: episodes that began
 * @ends: and ended
 * @outcomes: how they ended: so many each
 * @outcome: how the last one ended
 * @rung: how far it climbed
 * @us: how long it took, in microseconds
 * @max_us: how long the longest took
 */
struct fake_log {
	spinlock_t lock; /* all below */
	char text[4096];
	size_t used;
	bool last_only;
	u32 episode;
	unsigned int begins;
	unsigned int ends;
	unsigned int outcomes[PCI_RECOVERY_NR_OUTCOMES];
	enum pci_recovery_outcome outcome;
	enum pci_recovery_rung rung;
	u64 us;
	u64 max_us;
};

/**
 * struct fake_pe - a PE
 * @pe: what the core knows of it
 * @index: its number
 * @taken: a test has it
 * @lock: the platform's lock over configuration changes
 * @hw_lock: protects @hw, @fault and @change
 * @hw: its state
 * @fault: what fails
 * @change: what the next reset brings back
 * @calls: how often an operation was called
 * @reset_ms: how long a reset takes
 * @refuse: it is in the hands of someone else
 * @late: the platform does not know yet that its functions are its own
 * @told: what the firmware was told last
 * @freezes: how often it was frozen
 * @error_in: so many config accesses from now it fails, if that is not 0
 * @hook: is called from each operation, if set
 * @step_hook: is called after each step, if set; not to sleep
 * @in_reset: a reset is running
 * @priv: the test's own
 * @fn: its functions
 * @log: what happened
 */
struct fake_pe {
	struct pci_pe pe;
	unsigned int index;
	bool taken;
	struct mutex lock; /* see above */
	spinlock_t hw_lock; /* see above */
	enum pci_pe_hw_state hw;
	struct fake_fault fault[FAKE_NR_OPS];
	enum fake_change change;
	atomic_t calls[FAKE_NR_OPS];
	unsigned int reset_ms;
	bool refuse;
	bool late;
	enum pci_recovery_outcome told;
	atomic_t freezes;
	atomic_t error_in;
	void (*hook)(struct fake_pe *fpe, enum fake_op op);
	void (*step_hook)(struct fake_pe *fpe, enum pci_step step);
	atomic_t in_reset;
	void *priv;
	struct fake_fn fn[FAKE_FNS];
	struct fake_log log;
};

static inline struct fake_pe *to_fake_pe(struct pci_pe *pe)
{
	return container_of(pe, struct fake_pe, pe);
}

/* fake_pe.c: for tests */
bool fake_is_off(void);
struct fake_pe *fake_pe_get(struct fake_pe *parent);
void fake_pe_put(struct fake_pe *fpe);
void fake_freeze(struct fake_pe *fpe);
bool fake_error(struct fake_pe *fpe);
void fake_gone(struct fake_pe *fpe);
void fake_release(struct fake_pe *fpe);
void fake_fail(struct fake_pe *fpe, enum fake_op op, unsigned int skip,
	       unsigned int times, int error);
bool fake_wait(struct fake_pe *fpe, unsigned int ends, unsigned int ms);
void fake_idle(struct fake_pe *fpe);
bool fake_stalled(struct fake_pe *fpe, char *buf, size_t size);
bool fake_busy(struct fake_pe *fpe);
void fake_found(struct fake_fn *fn);
void fake_limits(unsigned int callback_ms, unsigned int rescue_ms);

/* fake_optional.c: for tests */
void fake_optional(struct fake_pe *fpe);
void fake_max_freezes(u32 max);

/* fake_host.c: for tests */
int fake_fn_add(struct fake_fn *fn, u16 driver);
void fake_fn_del(struct fake_fn *fn);
int fake_rescan(struct fake_pe *root);
struct pci_bus *fake_bus(struct fake_pe *fpe);

/* fake_driver.c, for tests */
const char *fake_driver_name(u16 driver);

/* fake_log.c: for tests */
void fake_log_clear(struct fake_pe *fpe);
void fake_dump(struct fake_pe *fpe);

/* Between the parts of the platform; the first two in fake_ARCHITECTURE.c. */
void *fake_arch_sysdata(unsigned int host);
int fake_arch_fn(struct pci_bus *bus, struct fake_fn *fn, unsigned int devfn);
struct fake_fn *fake_fn_of(struct pci_dev *pdev);
struct fake_pe *fake_pe_at(unsigned int index);
enum pci_pe_hw_state fake_state(struct fake_pe *fpe);
void fake_power_on(struct fake_pe *fpe);
bool fake_hotplugging(void);
int fake_op_enter(struct fake_pe *fpe, enum fake_op op);
void fake_log_notice(struct fake_pe *fpe, const struct pci_notice *notice);
struct fake_pe *fake_below(struct fake_pe *root, struct fake_pe *fpe);
void fake_config_init(struct fake_fn *fn);
void fake_config_reset(struct fake_fn *fn, enum fake_change change);
extern const struct pci_pe_ops fake_ops;
extern struct pci_ops fake_config_ops;

#endif /* _PCI_RECOVERY_FAKE_H */
