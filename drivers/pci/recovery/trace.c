// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events of PCI error recovery.  By themselves: ../pci.h has others,
 * which must not be defined twice.
 */

#define CREATE_TRACE_POINTS
#include <trace/events/pci_recovery.h>

#define VOTE(number, vote) \
	static_assert((__force u32)PCI_ERS_RESULT_ ## vote == (number))

VOTE(1, NONE);
VOTE(2, CAN_RECOVER);
VOTE(3, NEED_RESET);
VOTE(4, DISCONNECT);
VOTE(5, RECOVERED);
VOTE(6, NO_AER_DRIVER);
