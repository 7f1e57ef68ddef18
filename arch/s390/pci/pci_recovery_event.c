// SPDX-License-Identifier: GPL-2.0
/*
 * zPCI back end of the PCI error recovery core: the events.
 *
 * They arrive in kmcheck, which holds crw_handler_mutex for all of the channel
 * subsystem.  So an error event is published and left to the PE's worker, and
 * an availability event, which may end in a driver's probe() or remove(), gets
 * a worker, too.
 */

#define pr_fmt(fmt) "zpci: " fmt

#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <asm/pci_debug.h>
#include <asm/pci_dma.h>
#include <asm/pci_recovery.h>

#define CREATE_TRACE_POINTS
#include <asm/trace/pci_recovery.h>

#include "pci_recovery.h"

/* PCI event codes (PEC) */
#define PEC_FMB_FIRST		0x002a	/* concern the measurement block */
#define PEC_FMB_LAST		0x002c
#define PEC_CONFIGURED		0x0301	/* reserved or standby -> configured */
#define PEC_STANDBY		0x0302	/* reserved -> standby */
#define PEC_DECONFIGURE		0x0303	/* deconfiguration requested */
#define PEC_DECONFIGURED	0x0304	/* configured -> standby or reserved */
#define PEC_SEVERAL		0x0306	/* 0x0308 or 0x0302, of several functions */
#define PEC_RESERVED		0x0308	/* standby -> reserved */

/* An availability event that waits for its turn. */
struct zpci_avail {
	struct list_head node;
	struct zpci_ccdf ccdf;
	void (*upstream)(struct zpci_ccdf_avail *ccdf);
};

static struct workqueue_struct *avail_wq;

/* The events of functions that are no PCI devices yet, or of several. */
static struct zpci_avail_queue others;

/* Upstream handles one event at a time. */
static DEFINE_MUTEX(avail_mutex);

/* Of several functions: number of events so far, and the last one. */
static atomic_t scans = ATOMIC_INIT(0);
static struct zpci_avail scan;

/* Is @fh the handle that the function has now, as far as we know? */
static bool handle_is_current(struct zpci_pe *zpe, u32 fh)
{
	struct pci_dev *pdev;

	guard(rcu)();
	pdev = pci_pe_dev_rcu(&zpe->pe);
	return pdev && READ_ONCE(to_zpci(pdev)->fh) == fh;
}

static enum pci_report classify(struct zpci_pe *zpe, struct zpci_ccdf *ccdf)
{
	/* Another handle: out of date, or we are.  The PE's worker asks. */
	if (!handle_is_current(zpe, ccdf->fh))
		return PCI_REPORT_UNSURE;
	if (ccdf->pec == PEC_RECOVERY_FAILED || ccdf->pec == PEC_SERVICE_FAILED)
		return PCI_REPORT_PERMANENT;
	return PCI_REPORT_ERROR;
}

/**
 * zpci_recovery_error - an error event
 * @data: content-code description of a PCI function error
 * @upstream: what to call when the function is not the core's
 *
 * Context: kmcheck, with crw_handler_mutex held.  Does not sleep, unless
 * @upstream does.
 */
void zpci_recovery_error(struct zpci_ccdf_err *data,
			 void (*upstream)(struct zpci_ccdf_err *ccdf))
{
	struct zpci_ccdf *ccdf = (struct zpci_ccdf *)data;
	struct zpci_pe *zpe = zpci_pe_by_fid(ccdf->fid);
	enum pci_report report;

	if (!pci_recovery_enabled() || !zpe) {
		upstream(data);
		return;
	}
	trace_zpci_recovery_event(ccdf->fid, ccdf->fh, ccdf->pec, ccdf->faddr);
	zpci_dbg(3, "err fid:%x, fh:%x, pec:%x\n", ccdf->fid, ccdf->fh,
		 ccdf->pec);
	zpci_err("error CCDF:\n");
	zpci_err_hex(ccdf, sizeof(*ccdf));

	if (ccdf->pec >= PEC_FMB_FIRST && ccdf->pec <= PEC_FMB_LAST) {
		pr_err("%s: Event 0x%x reports an error for PCI function 0x%x\n",
		       zpe->name, ccdf->pec, ccdf->fid);
		return;
	}
	report = classify(zpe, ccdf);
	scoped_guard(spinlock_irqsave, &zpe->lock) {
		/* What may be out of date must not hide what is not. */
		if (report != PCI_REPORT_UNSURE || !zpe->reported ||
		    !handle_is_current(zpe, zpe->fh)) {
			zpe->reported = true;
			zpe->fh = ccdf->fh;
			zpe->pec = ccdf->pec;
		}
	}
	if (!pci_recovery_report(&zpe->pe, report))
		zpci_dbg(3, "err fid:%x not recovered\n", ccdf->fid);
}

static bool is_configured(struct zpci_pe *zpe)
{
	struct pci_dev *pdev;

	guard(rcu)();
	pdev = pci_pe_dev_rcu(&zpe->pe);
	return pdev && READ_ONCE(to_zpci(pdev)->state) ==
		       ZPCI_FN_STATE_CONFIGURED;
}

/* Publish at once what does not have to wait for its turn. */
static void publish(struct zpci_pe *zpe, u16 pec)
{
	switch (pec) {
	case PEC_DECONFIGURE:
		/*
		 * Upstream ignores it for a function that is not configured.
		 * One that works is removed with its device alive.
		 */
		if (is_configured(zpe) && pci_pe_busy(&zpe->pe))
			pci_recovery_gone(&zpe->pe, false);
		break;
	case PEC_DECONFIGURED:
	case PEC_RESERVED:
		pci_recovery_gone(&zpe->pe, true);
		break;
	}
}

/* False if memory is short: the event is then handled where it is. */
static bool queue_avail(struct zpci_avail_queue *queue, struct zpci_ccdf *ccdf,
			void (*upstream)(struct zpci_ccdf_avail *ccdf))
{
	struct zpci_avail *avail;

	/* Reclaim may wait for the very disk that an event is about. */
	avail = kmalloc(sizeof(*avail), GFP_NOWAIT | __GFP_NOWARN);
	if (!avail)
		return false;
	avail->ccdf = *ccdf;
	avail->upstream = upstream;
	scoped_guard(spinlock_irqsave, &queue->lock) {
		list_add_tail(&avail->node, &queue->events);
		queue->scans = atomic_read(&scans);
	}
	queue_work(avail_wq, &queue->work);
	return true;
}

/**
 * zpci_recovery_availability - an availability event
 * @data: content-code description of a PCI function availability change
 * @upstream: what handles it, in the end
 *
 * An episode under way learns at once that its function is gone.  @upstream,
 * which scans, probes and removes, runs in a worker: of the function, after the
 * events that came before, when the episode has ended and the driver is off
 * the function; or of all that are no PCI devices yet.
 *
 * Context: kmcheck, with crw_handler_mutex held.  Does not wait for a driver,
 * unless memory is short.
 */
void zpci_recovery_availability(struct zpci_ccdf_avail *data,
				void (*upstream)(struct zpci_ccdf_avail *ccdf))
{
	struct zpci_ccdf *ccdf = (struct zpci_ccdf *)data;
	struct zpci_pe *zpe = NULL;

	if (!pci_recovery_enabled()) {
		upstream(data);
		return;
	}
	if (ccdf->pec != PEC_SEVERAL)
		zpe = zpci_pe_by_fid(ccdf->fid);
	trace_zpci_recovery_event(ccdf->fid, ccdf->fh, ccdf->pec, 0);
	if (zpe)
		publish(zpe, ccdf->pec);
	if (queue_avail(zpe ? &zpe->avail : &others, ccdf, upstream))
		return;
	guard(mutex)(&avail_mutex);
	upstream(data);
}

static void handle(struct zpci_avail *avail, struct zpci_pe *zpe)
{
	if (zpe && avail->ccdf.pec != PEC_CONFIGURED &&
	    avail->ccdf.pec != PEC_STANDBY)
		pci_recovery_release(&zpe->pe);
	guard(mutex)(&avail_mutex);
	if (avail->ccdf.pec == PEC_SEVERAL) {
		scan = *avail;
		atomic_inc(&scans);
	}
	avail->upstream((struct zpci_ccdf_avail *)&avail->ccdf);
}

/*
 * A function that was still there when all were looked at, and has left since,
 * may be back already.
 */
static void scan_again(struct zpci_avail_queue *queue)
{
	guard(mutex)(&avail_mutex);
	if (queue->zpe && queue->scans != atomic_read(&scans))
		scan.upstream((struct zpci_ccdf_avail *)&scan.ccdf);
}

static void avail_work(struct work_struct *work)
{
	struct zpci_avail_queue *queue =
		container_of(work, struct zpci_avail_queue, work);
	struct zpci_avail *avail;

	for (;;) {
		scoped_guard(spinlock_irq, &queue->lock) {
			avail = list_first_entry_or_null(&queue->events,
							 struct zpci_avail, node);
			if (avail)
				list_del(&avail->node);
		}
		if (!avail)
			break;
		handle(avail, queue->zpe);
		kfree(avail);
	}
	scan_again(queue);
}

/* @zpe: NULL for the queue that is not of one function */
void zpci_avail_init(struct zpci_avail_queue *queue, struct zpci_pe *zpe)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->events);
	INIT_WORK(&queue->work, avail_work);
	queue->zpe = zpe;
}

#if IS_ENABLED(CONFIG_PCI_RECOVERY_INJECT)
/* Deliver an event as the firmware would. */
void zpci_recovery_deliver(u32 fid, u32 fh, u16 pec)
{
	struct zpci_ccdf ccdf = { .fid = fid, .fh = fh, .pec = pec };

	if (pec < PEC_CONFIGURED)
		zpci_event_error(&ccdf);
	else
		zpci_event_availability(&ccdf);
}
EXPORT_SYMBOL_GPL(zpci_recovery_deliver);

/* Refresh a translation that the function has none for: it goes into error. */
int zpci_recovery_mistranslate(struct zpci_dev *zdev)
{
	return zpci_refresh_trans((u64)zdev->fh << 32, zdev->end_dma + 1,
				  PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(zpci_recovery_mistranslate);

/* A translation table that maps nothing, whatever the function. */
static unsigned long nothing[ZPCI_TABLE_ENTRIES] __aligned(ZPCI_TABLE_ALIGN) = {
	[0 ... ZPCI_TABLE_ENTRIES - 1] = ZPCI_TABLE_INVALID,
};

/*
 * Take the mappings of the function's DMA away, until a reset.  With one
 * instruction: DMA between two would go to no window, where some hypervisors
 * drop it, and nobody hears of an error.
 */
int zpci_recovery_unmap(struct zpci_dev *zdev)
{
	u64 req = ZPCI_CREATE_REQ(zdev->fh, 0, ZPCI_MOD_FC_REREG_IOAT);
	struct zpci_fib fib = {
		.pba = zdev->start_dma,
		.pal = min_t(u64, zdev->end_dma, ZPCI_TABLE_SIZE_RT - 1),
		.iota = virt_to_phys(nothing) | ZPCI_IOTA_RTTO_FLAG,
		.gd = zdev->gisa,
	};
	u8 status;

	return zpci_mod_fc(req, &fib, &status) ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(zpci_recovery_unmap);
#endif

static int __init zpci_recovery_event_init(void)
{
	if (!pci_recovery_enabled())
		return 0;
	zpci_avail_init(&others, NULL);
	avail_wq = alloc_workqueue("zpci_avail", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return avail_wq ? 0 : -ENOMEM;
}
arch_initcall(zpci_recovery_event_init);
