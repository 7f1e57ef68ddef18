/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the firmware said of a PE.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_recovery

#if !defined(_TRACE_POWERPC_EEH_RECOVERY_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_POWERPC_EEH_RECOVERY_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE

#define TRACE_INCLUDE_PATH asm/trace
#define TRACE_INCLUDE_FILE eeh_recovery

/* When an episode begins.  state: EEH_STATE_* of asm/eeh.h, or an error. */
TRACE_EVENT(eeh_recovery_event,
	TP_PROTO(u32 phb, u32 pe, int state),

	TP_ARGS(phb, pe, state),

	TP_STRUCT__entry(
		__field(u32, phb)
		__field(u32, pe)
		__field(int, state)
	),

	TP_fast_assign(
		__entry->phb = phb;
		__entry->pe = pe;
		__entry->state = state;
	),

	TP_printk("phb=0x%x pe=0x%x state=0x%x", __entry->phb, __entry->pe,
		  __entry->state)
);

#endif /* _TRACE_POWERPC_EEH_RECOVERY_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
