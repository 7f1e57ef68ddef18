// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events of PCI error recovery.  By themselves: ../pci.h has others,
 * which must not be defined twice.
 */

#define CREATE_TRACE_POINTS
#include <trace/events/pci_recovery.h>
