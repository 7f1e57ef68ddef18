/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_recovery

#if !defined(_TRACE_PCI_RECOVERY_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PCI_RECOVERY_H

#include <linux/pci.h>
#include <linux/pci-recovery.h>
#include <linux/tracepoint.h>

#define PCI_RECOVERY_STEPS						\
	EM(PCI_STEP_FREEZE,		"freeze")			\
	EM(PCI_STEP_ERROR_DETECTED,	"error_detected")		\
	EM(PCI_STEP_DIAGNOSE,		"diagnose")			\
	EM(PCI_STEP_DRAIN,		"drain")			\
	EM(PCI_STEP_THAW_MMIO,		"thaw_mmio")			\
	EM(PCI_STEP_MMIO_ENABLED,	"mmio_enabled")			\
	EM(PCI_STEP_THAW_DMA,		"thaw_dma")			\
	EM(PCI_STEP_REVIVE,		"revive")			\
	EM(PCI_STEP_UNBIND,		"unbind")			\
	EM(PCI_STEP_RESET,		"reset")			\
	EM(PCI_STEP_DEEP_RESET,		"deep_reset")			\
	EM(PCI_STEP_RESTORE,		"restore")			\
	EM(PCI_STEP_SLOT_RESET,		"slot_reset")			\
	EM(PCI_STEP_BIND,		"bind")				\
	EM(PCI_STEP_RESUME,		"resume")			\
	EM(PCI_STEP_RESCAN,		"rescan")			\
	EM(PCI_STEP_PERM_FAILURE,	"perm_failure")			\
	EM(PCI_STEP_STALL,		"stall")			\
	EMe(PCI_STEP_RESCUE,		"rescue")

/* Of a type that TRACE_DEFINE_ENUM() does not take; trace.c checks the numbers. */
#define PCI_RECOVERY_VOTES						\
	{ 1, "NONE" },							\
	{ 2, "CAN_RECOVER" },						\
	{ 3, "NEED_RESET" },						\
	{ 4, "DISCONNECT" },						\
	{ 5, "RECOVERED" },						\
	{ 6, "NO_AER_DRIVER" }

#define PCI_RECOVERY_OUTCOMES						\
	EM(PCI_RECOVERY_NONE,		"none")				\
	EM(PCI_RECOVERY_RECOVERED,	"recovered")			\
	EM(PCI_RECOVERY_FAILED,		"failed")			\
	EM(PCI_RECOVERY_GONE,		"gone")				\
	EM(PCI_RECOVERY_REFUSED,	"refused")			\
	EM(PCI_RECOVERY_STALE,		"stale")		\
	EMe(PCI_RECOVERY_ABSORBED,	"absorbed")

#define PCI_RECOVERY_RUNGS						\
	EM(PCI_RUNG_NONE,		"none")				\
	EM(PCI_RUNG_THAW,		"thaw")				\
	EM(PCI_RUNG_RESET,		"reset")			\
	EM(PCI_RUNG_REBIND,		"rebind")			\
	EM(PCI_RUNG_DEEP,		"deep")				\
	EMe(PCI_RUNG_RESCAN,		"rescan")

/* Let user space resolve the enums in the print formats. */
#undef EM
#undef EMe
#define EM(a, b)	TRACE_DEFINE_ENUM(a);
#define EMe(a, b)	TRACE_DEFINE_ENUM(a);

PCI_RECOVERY_STEPS
PCI_RECOVERY_OUTCOMES
PCI_RECOVERY_RUNGS

#undef EM
#undef EMe
#define EM(a, b)	{ a, b },
#define EMe(a, b)	{ a, b }

/*
 * One per episode, when the PE's worker takes it up.  cause is "error",
 * "again" (an error during the episode before, or the watchdog thawed the PE),
 * "permanent", "operator", "release" (the function is leaving), or, if the platform
 * knows of no error, "health" (a driver's health check) or "driver" (it asked).
 */
TRACE_EVENT(pci_recovery_begin,
	TP_PROTO(u32 episode, const char *dev, const char *pe,
		 const char *cause),

	TP_ARGS(episode, dev, pe, cause),

	TP_STRUCT__entry(
		__field(u32, episode)
		__string(dev_name, dev)
		__string(pe, pe)
		__string(cause, cause)
	),

	TP_fast_assign(
		__entry->episode = episode;
		__assign_str(dev_name);
		__assign_str(pe);
		__assign_str(cause);
	),

	TP_printk("episode=%u dev_name=%s pe=%s cause=%s", __entry->episode,
		  __get_str(dev_name), __get_str(pe), __get_str(cause))
);

/*
 * One per step, when it ends: of a function, or with the name of the first
 * function where the step is the PE's.  "stall" and "rescue" come from the
 * watchdog while a step goes on.  result is 0 or a negative errno, us the time
 * it took.
 */
TRACE_EVENT(pci_recovery_step,
	TP_PROTO(u32 episode, const char *dev, const char *driver,
		 enum pci_step step, int result, u64 us),

	TP_ARGS(episode, dev, driver, step, result, us),

	TP_STRUCT__entry(
		__field(u32, episode)
		__string(dev_name, dev)
		__string(driver, driver)
		__field(u32, step)
		__field(int, result)
		__field(u64, us)
	),

	TP_fast_assign(
		__entry->episode = episode;
		__assign_str(dev_name);
		__assign_str(driver);
		__entry->step = step;
		__entry->result = result;
		__entry->us = us;
	),

	TP_printk("episode=%u dev_name=%s driver=%s step=%s result=%d us=%llu",
		  __entry->episode, __get_str(dev_name), __get_str(driver),
		  __print_symbolic(__entry->step, PCI_RECOVERY_STEPS),
		  __entry->result, __entry->us)
);

/* One per callback that has a vote. */
TRACE_EVENT(pci_recovery_vote,
	TP_PROTO(u32 episode, const char *dev, const char *driver,
		 enum pci_step callback, u32 vote),

	TP_ARGS(episode, dev, driver, callback, vote),

	TP_STRUCT__entry(
		__field(u32, episode)
		__string(dev_name, dev)
		__string(driver, driver)
		__field(u32, callback)
		__field(u32, vote)
	),

	TP_fast_assign(
		__entry->episode = episode;
		__assign_str(dev_name);
		__assign_str(driver);
		__entry->callback = callback;
		__entry->vote = vote;
	),

	TP_printk("episode=%u dev_name=%s driver=%s callback=%s vote=%s",
		  __entry->episode, __get_str(dev_name), __get_str(driver),
		  __print_symbolic(__entry->callback, PCI_RECOVERY_STEPS),
		  __print_symbolic(__entry->vote, PCI_RECOVERY_VOTES))
);

/* Exactly one per episode, its last. */
TRACE_EVENT(pci_recovery_end,
	TP_PROTO(u32 episode, const char *dev,
		 enum pci_recovery_outcome outcome,
		 enum pci_recovery_rung rung, u64 us),

	TP_ARGS(episode, dev, outcome, rung, us),

	TP_STRUCT__entry(
		__field(u32, episode)
		__string(dev_name, dev)
		__field(u32, outcome)
		__field(u32, rung)
		__field(u64, us)
	),

	TP_fast_assign(
		__entry->episode = episode;
		__assign_str(dev_name);
		__entry->outcome = outcome;
		__entry->rung = rung;
		__entry->us = us;
	),

	TP_printk("episode=%u dev_name=%s outcome=%s rung=%s us=%llu",
		  __entry->episode, __get_str(dev_name),
		  __print_symbolic(__entry->outcome, PCI_RECOVERY_OUTCOMES),
		  __print_symbolic(__entry->rung, PCI_RECOVERY_RUNGS),
		  __entry->us)
);

#undef EM
#undef EMe

#endif /* _TRACE_PCI_RECOVERY_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
