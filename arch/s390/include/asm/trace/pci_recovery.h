/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the firmware said of a PCI function.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_recovery

#if !defined(_TRACE_S390_PCI_RECOVERY_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_S390_PCI_RECOVERY_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE

#define TRACE_INCLUDE_PATH asm/trace
#define TRACE_INCLUDE_FILE pci_recovery

/* An error or availability event (PEC 0x300 and up), as it was delivered. */
TRACE_EVENT(zpci_recovery_event,
	TP_PROTO(u32 fid, u32 fh, u16 pec, u64 faddr),

	TP_ARGS(fid, fh, pec, faddr),

	TP_STRUCT__entry(
		__field(u32, fid)
		__field(u32, fh)
		__field(u16, pec)
		__field(u64, faddr)
	),

	TP_fast_assign(
		__entry->fid = fid;
		__entry->fh = fh;
		__entry->pec = pec;
		__entry->faddr = faddr;
	),

	TP_printk("fid=0x%08x fh=0x%08x pec=0x%04x faddr=0x%llx", __entry->fid,
		  __entry->fh, __entry->pec, __entry->faddr)
);

#endif /* _TRACE_S390_PCI_RECOVERY_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
