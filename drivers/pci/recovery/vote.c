// SPDX-License-Identifier: GPL-2.0
/*
 * What the drivers' callbacks return, and what that means for the PE.
 *
 * The table is the one of Documentation/PCI/pci-recovery.rst, section Votes.
 */

#define pr_fmt(fmt) "pci_recovery: " fmt

#include <linux/pci.h>

#include "recovery.h"

#define VOTES 7

#define VOTE(name) ((__force unsigned int)PCI_ERS_RESULT_##name)

static const enum pci_recovery_verdict error_detected[] = {
	[VOTE(NONE)]		= PCI_NO_OPINION,
	[VOTE(CAN_RECOVER)]	= PCI_GO_ON,
	[VOTE(NEED_RESET)]	= PCI_RESET,
	[VOTE(DISCONNECT)]	= PCI_GIVE_UP,
	[VOTE(RECOVERED)]	= PCI_GO_ON,
	[VOTE(NO_AER_DRIVER)]	= PCI_NO_OPINION,
};

static_assert(ARRAY_SIZE(error_detected) == VOTES);

/*
 * For mmio_enabled and slot_reset, where a driver without an opinion sees no
 * obstacle.
 */
static const enum pci_recovery_verdict later_callbacks[] = {
	[VOTE(NONE)]		= PCI_GO_ON,
	[VOTE(CAN_RECOVER)]	= PCI_GO_ON,
	[VOTE(NEED_RESET)]	= PCI_RESET,
	[VOTE(DISCONNECT)]	= PCI_GIVE_UP,
	[VOTE(RECOVERED)]	= PCI_GO_ON,
	[VOTE(NO_AER_DRIVER)]	= PCI_GO_ON,
};

static_assert(ARRAY_SIZE(later_callbacks) == VOTES);

/*
 * Ask what @vote, returned by @callback, means.  Zero and what is no
 * pci_ers_result_t at all is a bug of the driver: only a reset is safe then.
 */
enum pci_recovery_verdict pci_vote_verdict(enum pci_step callback,
					   pci_ers_result_t vote)
{
	unsigned int v = (__force unsigned int)vote;

	if (!v || v >= VOTES)
		return PCI_RESET;
	if (callback == PCI_STEP_ERROR_DETECTED)
		return error_detected[v];
	return later_callbacks[v];
}
