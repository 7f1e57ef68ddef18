/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space says to sample.c, and to its files:
 *
 *	write	its length is added to the file's count
 *	read	a u32: waits until the count is not 0, and clears it
 *	poll	POLLIN if the count is not 0
 *	mmap	page 0: memory; from page 1: the first BAR that is memory
 *	ioctl	below
 */
#ifndef _PCI_RECOVERY_SAMPLE_H
#define _PCI_RECOVERY_SAMPLE_H

#include <linux/ioctl.h>

/* Which epoch is it?  If it is another one than before, the device was reset. */
#define SAMPLE_EPOCH	_IO('g', 1)

/* A job that takes for ever; fails with ECANCELED when it is ended. */
#define SAMPLE_JOB	_IO('g', 2)

#endif /* _PCI_RECOVERY_SAMPLE_H */
