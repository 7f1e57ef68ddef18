/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the benchmark share.
 *
 * bench.c takes commands and writes results, bench_scale.c lets functions fail
 * together, bench_cost.c tells what reports and devices cost, bench_publish.c
 * how fast an error is seen.  Of gates: bench_section.c what sections cost,
 * bench_revoke.c how long drains take, bench_wake.c how fast a death is seen.
 */
#ifndef _PCI_RECOVERY_BENCH_H
#define _PCI_RECOVERY_BENCH_H

#include <linux/ktime.h>

#include "fake.h"

/* A PE that has not recovered after so many ms never will. */
#define BENCH_LIMIT_MS	300000

/**
 * struct bench_samples - times of one kind
 * @ns: each, in nanoseconds
 * @max: how many fit in
 * @n: how many there were; those that did not fit in are lost
 */
struct bench_samples {
	u64 *ns;
	unsigned int max;
	unsigned int n;
};

/* bench.c */
int bench_samples_init(struct bench_samples *samples, unsigned int max);
void bench_samples_free(struct bench_samples *samples);
void bench_sample(struct bench_samples *samples, ktime_t since);
void bench_begin(const char *what);
void bench_number(const char *name, u64 number);
void bench_text(const char *name, const char *text);
void bench_times(const char *name, struct bench_samples *samples);
void bench_end(void);

/* bench_scale.c */
int bench_setup(const char *args);
int bench_recover(const char *args);
struct fake_pe *bench_pe(unsigned int index);
int bench_driver(const char *name, unsigned int index);
bool bench_wait(struct fake_pe *fpe, u32 episodes);
void bench_drop(void);

/* bench_cost.c */
int bench_intake(const char *args);
int bench_storm(const char *args);
int bench_add(const char *args);
int bench_memory(const char *args);

/* bench_publish.c */
int bench_publish(const char *args);
void bench_elsewhere(struct task_struct *looker, bool *looking);

/* bench_section.c */
int bench_section(const char *args);

/* bench_revoke.c */
struct pci_gate *bench_gate(unsigned int index);
int bench_revoke(const char *args);
int bench_drain(const char *args);

/* bench_wake.c */
int bench_wake(const char *args);

#endif /* _PCI_RECOVERY_BENCH_H */
