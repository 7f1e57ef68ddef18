/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EEH (enhanced error handling) for emulated devices below a sPAPR PHB
 *
 * In place of spapr_pci_vfio.c, which has EEH for devices of VFIO only.  What a
 * partitionable endpoint (PE) does, and which RTAS call moves it from which
 * state to which, is in LoPAR, "PE State Control" and the sections of the calls
 * that follow it there.
 *
 * In this order: PEs; devices; MMIO and I/O; DMA; operations on a PE; error
 * logs; RTAS calls; what the rest of QEMU calls; properties; birth and death.
 */

#include "qemu/osdep.h"
#include <libfdt.h>
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/bcd.h"
#include "qemu/cutils.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_host.h"
#include "hw/pci-host/spapr.h"
#include "hw/ppc/fdt.h"
#include "hw/ppc/spapr.h"
#if QEMU_VERSION_MAJOR >= 10
#include "system/rtc.h"
#else
#include "sysemu/rtc.h"
#endif

#define TYPE_SPAPR_EEH "spapr-eeh"
OBJECT_DECLARE_SIMPLE_TYPE(EehPhb, SPAPR_EEH)

#define TYPE_SPAPR_EEH_IOMMU "spapr-eeh-iommu-memory-region"

/* Status of RTAS calls, beyond those in spapr.h */
#define RTAS_OUT_ERRINJCT_OPEN          -4
#define RTAS_OUT_ERRINJCT_CLOSED        -4
#define RTAS_OUT_UNEXPECTED_STATE       -7

/* Tokens in "ibm,errinjct-tokens" */
#define ERRINJCT_IOA_BUS_ERROR          7
#define ERRINJCT_IOA_BUS_ERROR_64       15

/* Functions of an ioa-bus-error */
enum {
    ERR_LD_MEM_ADDR, ERR_LD_MEM_DATA,
    ERR_LD_IO_ADDR, ERR_LD_IO_DATA,
    ERR_LD_CFG_ADDR, ERR_LD_CFG_DATA,
    ERR_ST_MEM_ADDR, ERR_ST_MEM_DATA,
    ERR_ST_IO_ADDR, ERR_ST_IO_DATA,
    ERR_ST_CFG_ADDR, ERR_ST_CFG_DATA,
    ERR_DMA_RD_ADDR, ERR_DMA_RD_DATA, ERR_DMA_RD_MASTER, ERR_DMA_RD_TARGET,
    ERR_DMA_WR_ADDR, ERR_DMA_WR_DATA, ERR_DMA_WR_MASTER, ERR_DMA_WR_TARGET,
    ERR_FUNCTIONS,
    ERR_NONE = ERR_FUNCTIONS,
};

typedef struct EehPe EehPe;

/* A function, there or not: how its DMA is watched, what a reset takes */
typedef struct EehDev {
    struct rcu_head rcu;
    EehPe *pe;
    PCIBus *bus;
    int devfn;
    AddressSpace as;
    IOMMUMemoryRegion iommu;
    bool bars_off;
    bool saved;
    uint8_t header[PCI_CONFIG_HEADER_SIZE];
    QLIST_ENTRY(EehDev) list;
} EehDev;

struct EehPe {
    struct rcu_head rcu;
    EehPhb *phb;
    PCIBus *bus;
    int slot;                   /* -1: all of the bus */
    uint32_t addr;              /* by which the guest knows it */
    bool enabled;
    uint32_t state;             /* as in RTAS, but never "unavailable" */
    bool permanent;
    int64_t unavailable;        /* until then, QEMU_CLOCK_VIRTUAL */
    QEMUTimer *timer;
    char *reason;
    uint32_t serial;            /* of its error logs */

    /* Read without the BQL, by DMA from iothreads */
    bool dma_stopped;
    bool may_freeze;
    uint32_t inject;
    uint64_t inject_addr, inject_mask;

    /* What DMA did wrong, until freeze_bh gets to it */
    bool faulted;
    bool fault_write;
    bool fault_injected;
    hwaddr fault_addr;
    int fault_devfn;
    QEMUBH *freeze_bh;

    /* For tests.  Stuck is what neither thaws, until it is reset again. */
    uint32_t stuck_resets, failing_resets, failing_thaws, reset_time;
    bool stuck;

    uint32_t freezes, hot_resets, fundamental_resets, configures, logs;
    QLIST_ENTRY(EehPe) list;
};

/* The PHB's child "eeh" */
struct EehPhb {
    Object parent_obj;

    SpaprPhbState *sphb;
    bool by_slot;
    bool realized;
    uint32_t reset_time;
    /* Where no BAR is that answers */
    MemoryRegion no_mem, no_io;
    QLIST_HEAD(, EehPe) pes;
    QLIST_HEAD(, EehDev) devs;
};

/* The open session of error injection, or 0 */
static uint32_t eeh_session, eeh_sessions;

static void eeh_apply(EehPhb *phb);

static EehPhb *eeh_phb(SpaprPhbState *sphb)
{
    Object *obj = object_resolve_path_component(OBJECT(sphb), "eeh");
    EehPhb *phb;

    if (obj) {
        return SPAPR_EEH(obj);
    }
    obj = object_new(TYPE_SPAPR_EEH);
    object_property_add_child(OBJECT(sphb), "eeh", obj);
    object_unref(obj);
    phb = SPAPR_EEH(obj);
    phb->sphb = sphb;
    return phb;
}

/* The PHB above a bus, or NULL */
static EehPhb *eeh_phb_above(PCIBus *bus)
{
    Object *obj;

    while (!pci_bus_is_root(bus)) {
        bus = pci_get_bus(bus->parent_dev);
    }
    obj = object_dynamic_cast(OBJECT(BUS(bus)->parent),
                              TYPE_SPAPR_PCI_HOST_BRIDGE);
    return obj ? eeh_phb(SPAPR_PCI_HOST_BRIDGE(obj)) : NULL;
}

/*
 * PEs
 */

static void eeh_freeze_bh(void *opaque);
static void eeh_timer(void *opaque);

static EehPe *eeh_pe(EehPhb *phb, PCIBus *bus, int devfn)
{
    int slot = phb->by_slot ? PCI_SLOT(devfn) : -1;
    EehPe *pe;

    QLIST_FOREACH(pe, &phb->pes, list) {
        if (pe->bus == bus && pe->slot == slot) {
            return pe;
        }
    }
    pe = g_new0(EehPe, 1);
    pe->phb = phb;
    pe->bus = bus;
    pe->slot = slot;
    pe->inject = ERR_NONE;
    pe->reset_time = phb->reset_time;
    pe->reason = g_strdup("");
    pe->freeze_bh = qemu_bh_new(eeh_freeze_bh, pe);
    pe->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, eeh_timer, pe);
    QLIST_INSERT_HEAD(&phb->pes, pe, list);
    return pe;
}

static EehPe *eeh_pe_of(PCIDevice *dev)
{
    EehPhb *phb = eeh_phb_above(pci_get_bus(dev));

    return phb ? eeh_pe(phb, pci_get_bus(dev), dev->devfn) : NULL;
}

/* As QEMU always had it, "00BB0001" for a bus, and the slot if that counts */
static uint32_t eeh_pe_addr(EehPe *pe)
{
    pe->addr = (pci_bus_num(pe->bus) << 16) + 1;
    if (pe->slot >= 0) {
        pe->addr |= PCI_DEVFN(pe->slot, 0) << 8;
    }
    return pe->addr;
}

/*
 * By the address of the PE or of a function in it.  The former is looked for
 * among those given out: below a bridge that was reset, bus numbers are lost.
 */
static EehPe *eeh_find_pe(SpaprMachineState *spapr, uint64_t buid,
                          uint32_t addr)
{
    SpaprPhbState *sphb = spapr_pci_find_phb(spapr, buid);
    PCIDevice *dev;
    EehPe *pe;

    if (!sphb) {
        return NULL;
    }
    QLIST_FOREACH(pe, &eeh_phb(sphb)->pes, list) {
        if (pe->addr && pe->addr == addr) {
            return pe;
        }
    }
    dev = spapr_pci_find_dev(spapr, buid, addr);
    return dev ? eeh_pe_of(dev) : NULL;
}

static EehPe *eeh_parent(EehPe *pe)
{
    return pci_bus_is_root(pe->bus) ? NULL : eeh_pe_of(pe->bus->parent_dev);
}

static bool eeh_is_in(EehPe *pe, EehPe *top)
{
    while (pe && pe != top) {
        pe = eeh_parent(pe);
    }
    return pe;
}

static uint32_t eeh_state(EehPe *pe)
{
    return pe->permanent || pe->unavailable ? RTAS_EEH_PE_STATE_UNAVAIL
                                            : pe->state;
}

static bool eeh_mmio_runs(EehPe *pe)
{
    uint32_t state = eeh_state(pe);

    return state == RTAS_EEH_PE_STATE_NORMAL ||
           state == RTAS_EEH_PE_STATE_STOPPED_DMA;
}

static void eeh_enter(EehPe *top, uint32_t state)
{
    EehPe *pe;

    QLIST_FOREACH(pe, &top->phb->pes, list) {
        if (eeh_is_in(pe, top)) {
            pe->state = state;
        }
    }
    eeh_apply(top->phb);
}

static void G_GNUC_PRINTF(2, 3) eeh_freeze(EehPe *pe, const char *why, ...)
{
    va_list ap;

    if (!eeh_mmio_runs(pe)) {
        return;
    }
    g_free(pe->reason);
    va_start(ap, why);
    pe->reason = g_strdup_vprintf(why, ap);
    va_end(ap);
    pe->freezes++;
    pe->inject = ERR_NONE;
    qemu_log_mask(LOG_GUEST_ERROR, "EEH: %s: PE 0x%x frozen by %s\n",
                  pe->phb->sphb->dtbusname, pe->addr, pe->reason);
    eeh_enter(pe, RTAS_EEH_PE_STATE_STOPPED_IO_DMA);
}

/* What DMA did on another thread, or deep in a device's code, takes effect */
static void eeh_freeze_bh(void *opaque)
{
    EehPe *pe = opaque;

    if (!pe->faulted) {
        return;
    }
    eeh_freeze(pe, "%sDMA %s at 0x%" HWADDR_PRIx " by %02x:%02x.%x",
               pe->fault_injected ? "injected error of " : "",
               pe->fault_write ? "write" : "read", pe->fault_addr,
               pci_bus_num(pe->bus), PCI_SLOT(pe->fault_devfn),
               PCI_FUNC(pe->fault_devfn));
    pe->faulted = false;
}

static void eeh_timer(void *opaque)
{
    EehPe *pe = opaque;

    pe->unavailable = 0;
    eeh_apply(pe->phb);
}

static void eeh_make_unavailable(EehPe *pe, uint32_t ms)
{
    if (ms) {
        pe->unavailable = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + ms;
        timer_mod(pe->timer, pe->unavailable);
    } else {
        pe->unavailable = 0;
        timer_del(pe->timer);
    }
    eeh_apply(pe->phb);
}

static uint32_t eeh_remaining(EehPe *pe)
{
    if (!pe->unavailable) {
        return 0;
    }
    return MAX(pe->unavailable - qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL), 1);
}

/*
 * Devices
 */

static bool eeh_is_bridge(PCIDevice *dev)
{
    return object_dynamic_cast(OBJECT(dev), TYPE_PCI_BRIDGE);
}

typedef void eeh_fn(EehPhb *phb, PCIDevice *dev, void *opaque);

typedef struct EehWalk {
    EehPhb *phb;
    eeh_fn *fn;
    void *opaque;
} EehWalk;

static void eeh_walk(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    EehWalk *walk = opaque;

    walk->fn(walk->phb, dev, walk->opaque);
    if (eeh_is_bridge(dev)) {
        pci_for_each_device_under_bus(pci_bridge_get_sec_bus(PCI_BRIDGE(dev)),
                                      eeh_walk, walk);
    }
}

/* Bridges come before what is below them */
static void eeh_for_each_dev(EehPhb *phb, eeh_fn *fn, void *opaque)
{
    EehWalk walk = { phb, fn, opaque };

    pci_for_each_device_under_bus(PCI_HOST_BRIDGE(phb->sphb)->bus,
                                  eeh_walk, &walk);
}

static EehDev *eeh_dev(EehPhb *phb, PCIBus *bus, int devfn)
{
    g_autofree char *name = NULL;
    EehDev *edev;

    QLIST_FOREACH(edev, &phb->devs, list) {
        if (edev->bus == bus && edev->devfn == devfn) {
            return edev;
        }
    }
    edev = g_new0(EehDev, 1);
    edev->pe = eeh_pe(phb, bus, devfn);
    edev->bus = bus;
    edev->devfn = devfn;
    name = g_strdup_printf("dma-%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
    memory_region_init_iommu(&edev->iommu, sizeof(edev->iommu),
                             TYPE_SPAPR_EEH_IOMMU, OBJECT(phb->sphb), name,
                             UINT64_MAX);
    address_space_init(&edev->as, MEMORY_REGION(&edev->iommu), name);
    QLIST_INSERT_HEAD(&phb->devs, edev, list);
    return edev;
}

static void eeh_apply_dev(EehPhb *phb, PCIDevice *dev, void *opaque)
{
    EehDev *edev = eeh_dev(phb, pci_get_bus(dev), dev->devfn);
    bool off = !eeh_mmio_runs(edev->pe);
    int i;

    if (off == edev->bars_off) {
        return;
    }
    edev->bars_off = off;
    for (i = 0; i < PCI_NUM_REGIONS; i++) {
        if (dev->io_regions[i].size) {
            memory_region_set_enabled(dev->io_regions[i].memory, !off);
        }
    }
}

/* Make the states of PEs true */
static void eeh_apply(EehPhb *phb)
{
    EehPe *pe;

    QLIST_FOREACH(pe, &phb->pes, list) {
        uint32_t state = eeh_state(pe);

        qatomic_set(&pe->may_freeze,
                    pe->enabled && state == RTAS_EEH_PE_STATE_NORMAL);
        qatomic_set(&pe->dma_stopped, state != RTAS_EEH_PE_STATE_NORMAL);
    }
    memory_region_transaction_begin();
    eeh_for_each_dev(phb, eeh_apply_dev, NULL);
    memory_region_transaction_commit();
}

static void eeh_reset_dev(EehPhb *phb, PCIDevice *dev, void *opaque)
{
    EehDev *edev = eeh_dev(phb, pci_get_bus(dev), dev->devfn);

    if (!eeh_is_in(edev->pe, opaque)) {
        return;
    }
    /* A bridge that is reset again before it is configured has nothing new */
    if (eeh_is_bridge(dev) && !edev->saved) {
        memcpy(edev->header, dev->config, sizeof(edev->header));
        edev->saved = true;
    }
    if (!pci_is_vf(dev)) {
        pci_device_reset(dev);
    }
}

/* ibm,configure-pe is for bridges: the rest is the operating system's */
static void eeh_configure_dev(EehPhb *phb, PCIDevice *dev, void *opaque)
{
    EehDev *edev = eeh_dev(phb, pci_get_bus(dev), dev->devfn);
    int i;

    if (!eeh_is_in(edev->pe, opaque) || !edev->saved) {
        return;
    }
    for (i = PCI_BASE_ADDRESS_0; i < sizeof(edev->header); i += 4) {
        pci_host_config_write_common(dev, i, pci_config_size(dev),
                                     pci_get_long(edev->header + i), 4);
    }
    pci_host_config_write_common(dev, PCI_COMMAND, pci_config_size(dev),
                                 pci_get_word(edev->header + PCI_COMMAND), 2);
    edev->saved = false;
}

/*
 * MMIO and I/O: what answers when nobody does, or when the PE is stopped
 */

typedef struct EehAbort {
    hwaddr addr;
    PCIDevice *dev;
} EehAbort;

static void eeh_find_bar(EehPhb *phb, PCIDevice *dev, void *opaque)
{
    EehAbort *abort = opaque;
    int i;

    if (abort->dev || pci_is_vf(dev) ||
        pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_MEMORY) {
        return;
    }
    for (i = 0; i < PCI_ROM_SLOT; i++) {
        PCIIORegion *r = &dev->io_regions[i];
        uint8_t *bar = dev->config + PCI_BASE_ADDRESS_0 + 4 * i;
        hwaddr base;

        if (!r->size || r->type & PCI_BASE_ADDRESS_SPACE_IO) {
            continue;
        }
        base = r->type & PCI_BASE_ADDRESS_MEM_TYPE_64 ? pci_get_quad(bar)
                                                      : pci_get_long(bar);
        base &= ~(r->size - 1);
        if (base && abort->addr >= base && abort->addr - base < r->size) {
            abort->dev = dev;
            return;
        }
    }
}

/*
 * A load from a function that has its memory space disabled ends in a master
 * abort, and that freezes.  Loads that no BAR was ever meant for do not, or
 * probing would.
 */
static uint64_t eeh_no_mem_read(void *opaque, hwaddr addr, unsigned size)
{
    EehAbort abort = { .addr = addr };
    EehPe *pe;

    eeh_for_each_dev(opaque, eeh_find_bar, &abort);
    pe = abort.dev ? eeh_pe_of(abort.dev) : NULL;
    if (pe && pe->enabled) {
        eeh_freeze(pe, "load at 0x%" HWADDR_PRIx " from %s, disabled", addr,
                   abort.dev->name);
    }
    return UINT64_MAX;
}

static uint64_t eeh_no_io_read(void *opaque, hwaddr addr, unsigned size)
{
    return UINT64_MAX;
}

static void eeh_no_write(void *opaque, hwaddr addr, uint64_t data,
                         unsigned size)
{
}

static const MemoryRegionOps eeh_no_mem_ops = {
    .read = eeh_no_mem_read,
    .write = eeh_no_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static const MemoryRegionOps eeh_no_io_ops = {
    .read = eeh_no_io_read,
    .write = eeh_no_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/*
 * DMA
 */

static bool eeh_dma_injected(EehPe *pe, hwaddr addr, bool write)
{
    uint32_t inject = qatomic_read(&pe->inject);

    if (write ? inject < ERR_DMA_WR_ADDR || inject > ERR_DMA_WR_TARGET
              : inject < ERR_DMA_RD_ADDR || inject > ERR_DMA_RD_TARGET) {
        return false;
    }
    return !((addr ^ pe->inject_addr) & pe->inject_mask);
}

/* Called from RCU critical section */
static IOMMUTLBEntry eeh_translate(IOMMUMemoryRegion *iommu, hwaddr addr,
                                   IOMMUAccessFlags flag, int iommu_idx)
{
    EehDev *edev = container_of(iommu, EehDev, iommu);
    EehPe *pe = edev->pe;
    bool write = flag & IOMMU_WO;
    IOMMUTLBEntry none = {
        .target_as = &address_space_memory,
        .iova = addr & TARGET_PAGE_MASK,
        .addr_mask = ~TARGET_PAGE_MASK,
        .perm = IOMMU_NONE,
    };
    IOMMUTLBEntry entry;
    bool injected;

    if (qatomic_read(&pe->dma_stopped)) {
        return none;
    }
    injected = eeh_dma_injected(pe, addr, write);
    if (!injected) {
        entry = address_space_get_iotlb_entry(&pe->phb->sphb->iommu_as, addr,
                                              write, MEMTXATTRS_UNSPECIFIED);
        if (entry.target_as) {
            entry.perm = flag ? flag : IOMMU_RW;
            return entry;
        }
    }
    /* Before the guest asks for EEH, it is as without EEH */
    if (qatomic_read(&pe->may_freeze) &&
        !qatomic_xchg(&pe->dma_stopped, true)) {
        pe->fault_addr = addr;
        pe->fault_write = write;
        pe->fault_injected = injected;
        pe->fault_devfn = edev->devfn;
        qatomic_store_release(&pe->faulted, true);
        qemu_bh_schedule(pe->freeze_bh);
    }
    return none;
}

/* Whoever keeps translations (vhost, VFIO) would not learn of a freeze */
static int eeh_notify_flag_changed(IOMMUMemoryRegion *iommu,
                                   IOMMUNotifierFlag old,
                                   IOMMUNotifierFlag new, Error **errp)
{
    if (new == IOMMU_NOTIFIER_NONE) {
        return 0;
    }
    error_setg(errp, "EEH is not for devices that keep IOMMU translations");
    return -EINVAL;
}

static void eeh_iommu_class_init(ObjectClass *klass, void *data)
{
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(klass);

    imrc->translate = eeh_translate;
    imrc->notify_flag_changed = eeh_notify_flag_changed;
}

static const TypeInfo eeh_iommu_info = {
    .parent = TYPE_IOMMU_MEMORY_REGION,
    .name = TYPE_SPAPR_EEH_IOMMU,
    .class_init = eeh_iommu_class_init,
};

static AddressSpace *eeh_dma_as(PCIBus *bus, void *opaque, int devfn)
{
    return &eeh_dev(opaque, bus, devfn)->as;
}

static void eeh_setup_iommu(PCIBus *bus, EehPhb *phb)
{
#if QEMU_VERSION_MAJOR >= 9
    static const PCIIOMMUOps ops = { .get_address_space = eeh_dma_as };

    pci_setup_iommu(bus, &ops, phb);
#else
    pci_setup_iommu(bus, eeh_dma_as, phb);
#endif
}

/*
 * Operations on a PE
 */

static int eeh_set_option(EehPe *pe, uint32_t option)
{
    uint32_t state = eeh_state(pe);

    switch (option) {
    case RTAS_EEH_DISABLE:
    case RTAS_EEH_ENABLE:
        pe->enabled = option == RTAS_EEH_ENABLE;
        eeh_apply(pe->phb);
        return RTAS_OUT_SUCCESS;
    case RTAS_EEH_THAW_IO:
    case RTAS_EEH_THAW_DMA:
        break;
    default:
        return RTAS_OUT_PARAM_ERROR;
    }

    if (state == RTAS_EEH_PE_STATE_NORMAL) {
        return RTAS_OUT_PARAM_ERROR;
    }
    if (option == RTAS_EEH_THAW_IO && state == RTAS_EEH_PE_STATE_STOPPED_DMA) {
        return RTAS_OUT_PARAM_ERROR;
    }
    if (state != (option == RTAS_EEH_THAW_IO ? RTAS_EEH_PE_STATE_STOPPED_IO_DMA
                                             : RTAS_EEH_PE_STATE_STOPPED_DMA)) {
        return RTAS_OUT_UNEXPECTED_STATE;
    }
    if (pe->failing_thaws) {
        pe->failing_thaws--;
        return RTAS_OUT_HW_ERROR;
    }
    if (!pe->stuck) {
        eeh_enter(pe, option == RTAS_EEH_THAW_IO
                  ? RTAS_EEH_PE_STATE_STOPPED_DMA : RTAS_EEH_PE_STATE_NORMAL);
    }
    return RTAS_OUT_SUCCESS;
}

static int eeh_reset_activate(EehPe *pe, uint32_t option)
{
    switch (eeh_state(pe)) {
    case RTAS_EEH_PE_STATE_RESET:
        return RTAS_OUT_SUCCESS;
    case RTAS_EEH_PE_STATE_UNAVAIL:
        return RTAS_OUT_UNEXPECTED_STATE;
    }
    if (pe->failing_resets) {
        pe->failing_resets--;
        return RTAS_OUT_HW_ERROR;
    }
    if (option == RTAS_SLOT_RESET_HOT) {
        pe->hot_resets++;
    } else {
        pe->fundamental_resets++;
    }
    pe->faulted = false;
    pe->stuck = false;
    pe->inject = ERR_NONE;
    /* First stop it, so that no device writes to memory from its reset */
    eeh_enter(pe, RTAS_EEH_PE_STATE_RESET);
    eeh_for_each_dev(pe->phb, eeh_reset_dev, pe);
    return RTAS_OUT_SUCCESS;
}

static int eeh_reset_deactivate(EehPe *pe)
{
    switch (eeh_state(pe)) {
    case RTAS_EEH_PE_STATE_NORMAL:
        return RTAS_OUT_SUCCESS;
    case RTAS_EEH_PE_STATE_RESET:
        break;
    case RTAS_EEH_PE_STATE_STOPPED_DMA:
        return RTAS_OUT_PARAM_ERROR;
    default:
        return RTAS_OUT_UNEXPECTED_STATE;
    }
    eeh_enter(pe, RTAS_EEH_PE_STATE_NORMAL);
    if (pe->stuck_resets) {
        pe->stuck_resets--;
        pe->stuck = true;
        eeh_freeze(pe, "a reset that did not help");
    }
    if (pe->reset_time) {
        eeh_make_unavailable(pe, pe->reset_time);
    }
    return RTAS_OUT_SUCCESS;
}

static int eeh_set_reset(EehPe *pe, uint32_t option)
{
    switch (option) {
    case RTAS_SLOT_RESET_HOT:
    case RTAS_SLOT_RESET_FUNDAMENTAL:
        return eeh_reset_activate(pe, option);
    case RTAS_SLOT_RESET_DEACTIVATE:
        return eeh_reset_deactivate(pe);
    default:
        return RTAS_OUT_PARAM_ERROR;
    }
}

static int eeh_configure(EehPe *pe)
{
    if (!eeh_mmio_runs(pe)) {
        return RTAS_OUT_HW_ERROR;
    }
    pe->configures++;
    eeh_for_each_dev(pe->phb, eeh_configure_dev, pe);
    return RTAS_OUT_SUCCESS;
}

/* Power-on, with nothing that a test asked for; counters go on */
static void eeh_restart(EehPe *pe)
{
    pe->enabled = false;
    pe->state = RTAS_EEH_PE_STATE_NORMAL;
    pe->permanent = false;
    pe->unavailable = 0;
    timer_del(pe->timer);
    pe->faulted = false;
    pe->inject = ERR_NONE;
    pe->stuck = false;
    pe->stuck_resets = 0;
    pe->failing_resets = 0;
    pe->failing_thaws = 0;
    g_free(pe->reason);
    pe->reason = g_strdup("");
}

/*
 * Error logs, as in "RTAS Error/Event Return Format": the fixed part, then an
 * extended log of version 6 with the sections PH and UH and, in UD sections,
 * what is to be read by people and what the driver said.
 */

#define EEH_LOG_FIXED                   8

static void eeh_log_be16(GByteArray *log, uint16_t value)
{
    value = cpu_to_be16(value);
    g_byte_array_append(log, (void *)&value, sizeof(value));
}

static void eeh_log_be32(GByteArray *log, uint32_t value)
{
    value = cpu_to_be32(value);
    g_byte_array_append(log, (void *)&value, sizeof(value));
}

static void eeh_log_section(GByteArray *log, const char *id,
                            const void *data, unsigned len)
{
    static const uint8_t padding[4];

    g_byte_array_append(log, (const void *)id, 2);
    eeh_log_be16(log, 8 + ROUND_UP(len, 4));
    eeh_log_be32(log, 0x01000000);      /* version 1, no subtype, no creator */
    g_byte_array_append(log, data, len);
    g_byte_array_append(log, padding, ROUND_UP(len, 4) - len);
}

static GByteArray *eeh_log(EehPe *pe, bool permanent, const void *driver,
                           unsigned driver_len)
{
    g_autofree char *text = NULL;
    uint8_t header[40] = { 0 };
    uint8_t user[16] = { 0 };
    uint8_t v6[16] = { permanent ? 0xc6 : 0xa6, 0, 0x8e };
    GByteArray *log = g_byte_array_new();
    struct tm tm;

    /* version, severity, disposition, extended, from PCI, platform error */
    eeh_log_be32(log, 0x06000000 | (permanent ? 5 : 4) << 21 |
                      (permanent ? 2 : 0) << 19 | 1 << 18 | 2 << 12 | 2 << 8 |
                      0xe0);
    eeh_log_be32(log, 0);               /* the length, below */

    memcpy(v6 + 12, "IBM", 3);
    g_byte_array_append(log, v6, sizeof(v6));

    qemu_get_timedate(&tm, 0);
    stl_be_p(header, to_bcd((tm.tm_year + 1900) / 100) << 24 |
                     to_bcd(tm.tm_year % 100) << 16 |
                     to_bcd(tm.tm_mon + 1) << 8 | to_bcd(tm.tm_mday));
    stl_be_p(header + 4, to_bcd(tm.tm_hour) << 24 | to_bcd(tm.tm_min) << 16 |
                         to_bcd(tm.tm_sec) << 8);
    header[16] = 'H';                   /* from the hypervisor */
    header[19] = driver_len ? 4 : 3;    /* sections */
    stl_be_p(header + 32, ++pe->serial);
    eeh_log_section(log, "PH", header, sizeof(header));

    user[0] = 0x70;                     /* I/O subsystem */
    user[2] = permanent ? 0x40 : 0x10;  /* unrecoverable, recovered */
    eeh_log_section(log, "UH", user, sizeof(user));

    text = g_strdup_printf("EEH %s PE#%x state %u: %s",
                           pe->phb->sphb->dtbusname, pe->addr, eeh_state(pe),
                           pe->reason);
    eeh_log_section(log, "UD", text, strlen(text) + 1);
    if (driver_len) {
        eeh_log_section(log, "UD", driver, driver_len);
    }
    stl_be_p(log->data + 4, log->len - EEH_LOG_FIXED);
    return log;
}

/*
 * RTAS calls
 */

static EehPe *eeh_pe_arg(SpaprMachineState *spapr, target_ulong args)
{
    EehPe *pe = eeh_find_pe(spapr, rtas_ldq(args, 1), rtas_ld(args, 0));

    if (pe) {
        eeh_freeze_bh(pe);
    }
    return pe;
}

static void rtas_set_eeh_option(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                uint32_t token, uint32_t nargs,
                                target_ulong args, uint32_t nret,
                                target_ulong rets)
{
    EehPe *pe = nargs == 4 && nret == 1 ? eeh_pe_arg(spapr, args) : NULL;

    rtas_st(rets, 0, pe ? eeh_set_option(pe, rtas_ld(args, 3))
                        : RTAS_OUT_PARAM_ERROR);
}

static void rtas_set_slot_reset(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                uint32_t token, uint32_t nargs,
                                target_ulong args, uint32_t nret,
                                target_ulong rets)
{
    EehPe *pe = nargs == 4 && nret == 1 ? eeh_pe_arg(spapr, args) : NULL;

    rtas_st(rets, 0, pe ? eeh_set_reset(pe, rtas_ld(args, 3))
                        : RTAS_OUT_PARAM_ERROR);
}

static void rtas_configure_pe(PowerPCCPU *cpu, SpaprMachineState *spapr,
                              uint32_t token, uint32_t nargs,
                              target_ulong args, uint32_t nret,
                              target_ulong rets)
{
    EehPe *pe = nargs == 3 && nret == 1 ? eeh_pe_arg(spapr, args) : NULL;

    rtas_st(rets, 0, pe ? eeh_configure(pe) : RTAS_OUT_PARAM_ERROR);
}

static void rtas_get_config_addr_info2(PowerPCCPU *cpu,
                                       SpaprMachineState *spapr,
                                       uint32_t token, uint32_t nargs,
                                       target_ulong args, uint32_t nret,
                                       target_ulong rets)
{
    PCIDevice *dev = NULL;
    EehPe *pe;

    if (nargs == 4 && nret == 2) {
        dev = spapr_pci_find_dev(spapr, rtas_ldq(args, 1), rtas_ld(args, 0));
    }
    pe = dev ? eeh_pe_of(dev) : NULL;
    if (!pe) {
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    switch (rtas_ld(args, 3)) {
    case RTAS_GET_PE_ADDR:
        rtas_st(rets, 1, eeh_pe_addr(pe));
        break;
    case RTAS_GET_PE_MODE:
        rtas_st(rets, 1, RTAS_PE_MODE_SHARED);
        break;
    default:
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    rtas_st(rets, 0, RTAS_OUT_SUCCESS);
}

static void rtas_read_slot_reset_state2(PowerPCCPU *cpu,
                                        SpaprMachineState *spapr,
                                        uint32_t token, uint32_t nargs,
                                        target_ulong args, uint32_t nret,
                                        target_ulong rets)
{
    EehPe *pe = nargs == 3 && nret >= 4 ? eeh_pe_arg(spapr, args) : NULL;

    if (!pe) {
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    rtas_st(rets, 0, RTAS_OUT_SUCCESS);
    rtas_st(rets, 1, eeh_state(pe));
    rtas_st(rets, 2, RTAS_EEH_SUPPORT);
    /* Linux complains about less than a second */
    rtas_st(rets, 3, pe->permanent ? 0 : MAX(eeh_remaining(pe), 1000));
    if (nret >= 5) {
        rtas_st(rets, 4, RTAS_EEH_PE_RECOVER_INFO);
    }
}

static void rtas_slot_error_detail(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                   uint32_t token, uint32_t nargs,
                                   target_ulong args, uint32_t nret,
                                   target_ulong rets)
{
    EehPe *pe = nargs == 8 && nret == 1 ? eeh_pe_arg(spapr, args) : NULL;
    g_autofree void *driver = NULL;
    uint32_t driver_len, len;
    GByteArray *log;
    bool permanent;

    if (!pe) {
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    switch (rtas_ld(args, 7)) {
    case RTAS_SLOT_TEMP_ERR_LOG:
    case RTAS_SLOT_PERM_ERR_LOG:
        break;
    default:
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    permanent = rtas_ld(args, 7) == RTAS_SLOT_PERM_ERR_LOG;
    if (!permanent && !*pe->reason) {
        rtas_st(rets, 0, RTAS_OUT_NO_ERRORS_FOUND);
        return;
    }
    driver_len = MIN(rtas_ld(args, 4), RTAS_ERROR_LOG_MAX / 2);
    if (driver_len) {
        driver = g_malloc(driver_len);
        cpu_physical_memory_read(ppc64_phys_to_real(rtas_ld(args, 3)), driver,
                                 driver_len);
    }
    log = eeh_log(pe, permanent, driver, driver_len);
    len = MIN(rtas_ld(args, 6), log->len);
    cpu_physical_memory_write(ppc64_phys_to_real(rtas_ld(args, 5)), log->data,
                              len);
    g_byte_array_unref(log);
    pe->logs++;
    /* The operating system gives up on it */
    if (permanent) {
        pe->permanent = true;
        eeh_apply(pe->phb);
    }
    rtas_st(rets, 0, RTAS_OUT_SUCCESS);
}

/* May the config space of a function be accessed?  An armed error is hit. */
static bool eeh_config(PCIDevice *dev, bool write)
{
    EehPe *pe = eeh_pe_of(dev);

    if (!pe) {
        return true;
    }
    eeh_freeze_bh(pe);
    if (pe->inject == (write ? ERR_ST_CFG_ADDR : ERR_LD_CFG_ADDR) ||
        pe->inject == (write ? ERR_ST_CFG_DATA : ERR_LD_CFG_DATA)) {
        eeh_freeze(pe, "injected error of a config %s of %s",
                   write ? "write" : "read", dev->name);
    }
    return eeh_mmio_runs(pe);
}

static PCIDevice *eeh_config_args(SpaprMachineState *spapr, uint64_t buid,
                                  uint32_t addr, uint32_t size, uint32_t *where)
{
    PCIDevice *dev = spapr_pci_find_dev(spapr, buid, addr);

    *where = ((addr >> 20) & 0xf00) | (addr & 0xff);
    if (!dev || (size != 1 && size != 2 && size != 4) || *where % size ||
        *where >= pci_config_size(dev)) {
        return NULL;
    }
    return dev;
}

static void eeh_read_config(SpaprMachineState *spapr, uint64_t buid,
                            uint32_t addr, uint32_t size, target_ulong rets)
{
    uint32_t where;
    PCIDevice *dev = eeh_config_args(spapr, buid, addr, size, &where);

    if (!dev) {
        rtas_st(rets, 0, RTAS_OUT_HW_ERROR);
        return;
    }
    rtas_st(rets, 0, RTAS_OUT_SUCCESS);
    rtas_st(rets, 1, eeh_config(dev, false) ?
            pci_host_config_read_common(dev, where, pci_config_size(dev), size)
            : MAKE_64BIT_MASK(0, 8 * size));
}

static void eeh_write_config(SpaprMachineState *spapr, uint64_t buid,
                             uint32_t addr, uint32_t size, uint32_t val,
                             target_ulong rets)
{
    uint32_t where;
    PCIDevice *dev = eeh_config_args(spapr, buid, addr, size, &where);

    if (!dev) {
        rtas_st(rets, 0, RTAS_OUT_HW_ERROR);
        return;
    }
    if (eeh_config(dev, true)) {
        pci_host_config_write_common(dev, where, pci_config_size(dev), val,
                                     size);
    }
    rtas_st(rets, 0, RTAS_OUT_SUCCESS);
}

static void rtas_ibm_read_pci_config(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                     uint32_t token, uint32_t nargs,
                                     target_ulong args, uint32_t nret,
                                     target_ulong rets)
{
    if (nargs != 4 || nret != 2) {
        rtas_st(rets, 0, RTAS_OUT_HW_ERROR);
        return;
    }
    eeh_read_config(spapr, rtas_ldq(args, 1), rtas_ld(args, 0),
                    rtas_ld(args, 3), rets);
}

static void rtas_read_pci_config(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                 uint32_t token, uint32_t nargs,
                                 target_ulong args, uint32_t nret,
                                 target_ulong rets)
{
    if (nargs != 2 || nret != 2) {
        rtas_st(rets, 0, RTAS_OUT_HW_ERROR);
        return;
    }
    eeh_read_config(spapr, 0, rtas_ld(args, 0), rtas_ld(args, 1), rets);
}

static void rtas_ibm_write_pci_config(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                      uint32_t token, uint32_t nargs,
                                      target_ulong args, uint32_t nret,
                                      target_ulong rets)
{
    if (nargs != 5 || nret != 1) {
        rtas_st(rets, 0, RTAS_OUT_HW_ERROR);
        return;
    }
    eeh_write_config(spapr, rtas_ldq(args, 1), rtas_ld(args, 0),
                     rtas_ld(args, 3), rtas_ld(args, 4), rets);
}

static void rtas_write_pci_config(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                  uint32_t token, uint32_t nargs,
                                  target_ulong args, uint32_t nret,
                                  target_ulong rets)
{
    if (nargs != 3 || nret != 1) {
        rtas_st(rets, 0, RTAS_OUT_HW_ERROR);
        return;
    }
    eeh_write_config(spapr, 0, rtas_ld(args, 0), rtas_ld(args, 1),
                     rtas_ld(args, 2), rets);
}

/* Unlike other calls, this one returns its status last */
static void rtas_open_errinjct(PowerPCCPU *cpu, SpaprMachineState *spapr,
                               uint32_t token, uint32_t nargs,
                               target_ulong args, uint32_t nret,
                               target_ulong rets)
{
    int status = RTAS_OUT_SUCCESS;

    if (nret < 2) {
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    if (nargs != 0 || nret != 2) {
        status = RTAS_OUT_PARAM_ERROR;
    } else if (eeh_session) {
        status = RTAS_OUT_ERRINJCT_OPEN;
    } else {
        eeh_session = ++eeh_sessions;
    }
    rtas_st(rets, 0, status == RTAS_OUT_SUCCESS ? eeh_session : 0);
    rtas_st(rets, 1, status);
}

static int eeh_inject(EehPe *pe, uint32_t function, uint64_t addr,
                      uint64_t mask)
{
    if (!pe || function >= ERR_FUNCTIONS) {
        return RTAS_OUT_PARAM_ERROR;
    }
    eeh_freeze_bh(pe);
    if (!pe->enabled) {
        return RTAS_OUT_HW_ERROR;
    }
    switch (function) {
    case ERR_LD_MEM_ADDR:
    case ERR_LD_MEM_DATA:
    case ERR_LD_IO_ADDR:
    case ERR_LD_IO_DATA:
    case ERR_ST_MEM_ADDR:
    case ERR_ST_MEM_DATA:
    case ERR_ST_IO_ADDR:
    case ERR_ST_IO_DATA:
        /* The next access would hit it, and find it frozen as well */
        eeh_freeze(pe, "injected error of MMIO, function %u", function);
        break;
    default:
        pe->inject_addr = addr;
        pe->inject_mask = mask;
        qatomic_store_release(&pe->inject, function);
    }
    return RTAS_OUT_SUCCESS;
}

static void rtas_errinjct(PowerPCCPU *cpu, SpaprMachineState *spapr,
                          uint32_t token, uint32_t nargs, target_ulong args,
                          uint32_t nret, target_ulong rets)
{
    target_ulong buf;
    int status;

    if (nargs != 3 || nret != 1) {
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
        return;
    }
    if (!eeh_session || rtas_ld(args, 1) != eeh_session) {
        rtas_st(rets, 0, RTAS_OUT_ERRINJCT_CLOSED);
        return;
    }
    buf = rtas_ld(args, 2);
    switch (rtas_ld(args, 0)) {
    case ERRINJCT_IOA_BUS_ERROR:
        status = eeh_inject(eeh_find_pe(spapr, rtas_ldq(buf, 3),
                                        rtas_ld(buf, 2)),
                            rtas_ld(buf, 5), rtas_ld(buf, 0), rtas_ld(buf, 1));
        break;
    case ERRINJCT_IOA_BUS_ERROR_64:
        status = eeh_inject(eeh_find_pe(spapr, rtas_ldq(buf, 5),
                                        rtas_ld(buf, 4)),
                            rtas_ld(buf, 7), rtas_ldq(buf, 0),
                            rtas_ldq(buf, 2));
        break;
    default:
        status = RTAS_OUT_PARAM_ERROR;
    }
    rtas_st(rets, 0, status);
}

static void rtas_close_errinjct(PowerPCCPU *cpu, SpaprMachineState *spapr,
                                uint32_t token, uint32_t nargs,
                                target_ulong args, uint32_t nret,
                                target_ulong rets)
{
    if (nargs != 1 || nret != 1) {
        rtas_st(rets, 0, RTAS_OUT_PARAM_ERROR);
    } else if (!eeh_session || rtas_ld(args, 0) != eeh_session) {
        rtas_st(rets, 0, RTAS_OUT_ERRINJCT_CLOSED);
    } else {
        eeh_session = 0;
        rtas_st(rets, 0, RTAS_OUT_SUCCESS);
    }
}

static void eeh_rtas_register(void)
{
    static const struct {
        int token;
        const char *name;
        spapr_rtas_fn fn;
    } calls[] = {
        { RTAS_READ_PCI_CONFIG, "read-pci-config", rtas_read_pci_config },
        { RTAS_WRITE_PCI_CONFIG, "write-pci-config", rtas_write_pci_config },
        { RTAS_IBM_READ_PCI_CONFIG, "ibm,read-pci-config",
          rtas_ibm_read_pci_config },
        { RTAS_IBM_WRITE_PCI_CONFIG, "ibm,write-pci-config",
          rtas_ibm_write_pci_config },
        { RTAS_IBM_SET_EEH_OPTION, "ibm,set-eeh-option", rtas_set_eeh_option },
        { RTAS_IBM_GET_CONFIG_ADDR_INFO2, "ibm,get-config-addr-info2",
          rtas_get_config_addr_info2 },
        { RTAS_IBM_READ_SLOT_RESET_STATE2, "ibm,read-slot-reset-state2",
          rtas_read_slot_reset_state2 },
        { RTAS_IBM_SET_SLOT_RESET, "ibm,set-slot-reset", rtas_set_slot_reset },
        { RTAS_IBM_CONFIGURE_PE, "ibm,configure-pe", rtas_configure_pe },
        { RTAS_IBM_SLOT_ERROR_DETAIL, "ibm,slot-error-detail",
          rtas_slot_error_detail },
        { RTAS_IBM_OPEN_ERRINJCT, "ibm,open-errinjct", rtas_open_errinjct },
        { RTAS_IBM_ERRINJCT, "ibm,errinjct", rtas_errinjct },
        { RTAS_IBM_CLOSE_ERRINJCT, "ibm,close-errinjct", rtas_close_errinjct },
    };
    int i;

    /* Most take the place of spapr_pci.c's, which know of VFIO only */
    for (i = 0; i < ARRAY_SIZE(calls); i++) {
        spapr_rtas_register(calls[i].token, NULL, NULL);
        spapr_rtas_register(calls[i].token, calls[i].name, calls[i].fn);
    }
}

/* From spapr_dt_rtas() */
void spapr_eeh_dt_rtas(void *fdt, int rtas)
{
    static const char tokens[] =
        "ioa-bus-error\0\0\0\0\7"
        "ioa-bus-error-64\0\0\0\0\17";

    _FDT(fdt_setprop(fdt, rtas, "ibm,errinjct-tokens", tokens,
                     sizeof(tokens) - 1));
}

/*
 * What the rest of QEMU calls
 */

bool spapr_phb_eeh_available(SpaprPhbState *sphb)
{
    return true;
}

/* From the PHB's reset, after that of its devices */
void spapr_phb_vfio_reset(DeviceState *qdev)
{
    EehPhb *phb = eeh_phb(SPAPR_PCI_HOST_BRIDGE(qdev));
    EehDev *edev;
    EehPe *pe;

    eeh_session = 0;
    QLIST_FOREACH(pe, &phb->pes, list) {
        eeh_restart(pe);
        pe->addr = 0;
    }
    QLIST_FOREACH(edev, &phb->devs, list) {
        edev->saved = false;
    }
    eeh_apply(phb);
}

/* Only RTAS calls that are replaced here would come to these */
int spapr_phb_vfio_eeh_set_option(SpaprPhbState *sphb, unsigned int addr,
                                  int option)
{
    return RTAS_OUT_NOT_SUPPORTED;
}

int spapr_phb_vfio_eeh_get_state(SpaprPhbState *sphb, int *state)
{
    return RTAS_OUT_NOT_SUPPORTED;
}

int spapr_phb_vfio_eeh_reset(SpaprPhbState *sphb, int option)
{
    return RTAS_OUT_NOT_SUPPORTED;
}

int spapr_phb_vfio_eeh_configure(SpaprPhbState *sphb)
{
    return RTAS_OUT_NOT_SUPPORTED;
}

/*
 * Properties, of a PCI function for its PE, and of a PHB for all PEs below it
 */

typedef struct EehProp {
    const char *name;
    const char *type;
    uint32_t (*get)(EehPe *pe);
    void (*set)(EehPe *pe, uint32_t value, Error **errp);
    bool sum;                   /* of a PHB the sum, else the highest */
    const char *description;
} EehProp;

#define EEH_FIELD(name)                                         \
    static uint32_t eeh_get_##name(EehPe *pe)                   \
    {                                                           \
        return pe->name;                                        \
    }

#define EEH_FIELD_RW(name)                                      \
    EEH_FIELD(name)                                             \
    static void eeh_set_##name(EehPe *pe, uint32_t value,       \
                               Error **errp)                    \
    {                                                           \
        pe->name = value;                                       \
    }

EEH_FIELD(enabled)
EEH_FIELD(permanent)
EEH_FIELD(freezes)
EEH_FIELD(hot_resets)
EEH_FIELD(fundamental_resets)
EEH_FIELD(configures)
EEH_FIELD(logs)
EEH_FIELD_RW(stuck_resets)
EEH_FIELD_RW(failing_resets)
EEH_FIELD_RW(failing_thaws)
EEH_FIELD_RW(reset_time)

static uint32_t eeh_get_frozen(EehPe *pe)
{
    return pe->state == RTAS_EEH_PE_STATE_STOPPED_IO_DMA ||
           pe->state == RTAS_EEH_PE_STATE_STOPPED_DMA;
}

static void eeh_set_frozen(EehPe *pe, uint32_t value, Error **errp)
{
    if (eeh_state(pe) == RTAS_EEH_PE_STATE_RESET ||
        eeh_state(pe) == RTAS_EEH_PE_STATE_UNAVAIL) {
        error_setg(errp, "the PE is %s",
                   eeh_state(pe) == RTAS_EEH_PE_STATE_RESET ? "in reset"
                                                            : "unavailable");
        return;
    }
    if (value) {
        eeh_freeze(pe, "QMP");
    } else {
        pe->stuck = false;
        eeh_enter(pe, RTAS_EEH_PE_STATE_NORMAL);
    }
}

static void eeh_set_permanent(EehPe *pe, uint32_t value, Error **errp)
{
    pe->permanent = value;
    eeh_apply(pe->phb);
}

static void eeh_set_unavailable(EehPe *pe, uint32_t value, Error **errp)
{
    if (pe->state == RTAS_EEH_PE_STATE_RESET) {
        error_setg(errp, "the PE is in reset");
        return;
    }
    eeh_make_unavailable(pe, value);
}

static const EehProp eeh_props[] = {
    { "eeh-state", "uint32", eeh_state, NULL, false,
      "State of the PE, as of ibm,read-slot-reset-state2" },
    { "eeh-enabled", "bool", eeh_get_enabled, NULL, false,
      "Has the guest enabled EEH?" },
    { "eeh-frozen", "bool", eeh_get_frozen, eeh_set_frozen, false,
      "Freeze the PE, or thaw it behind the guest's back" },
    { "eeh-permanent", "bool", eeh_get_permanent, eeh_set_permanent, false,
      "Is the PE permanently unavailable?" },
    { "eeh-unavailable", "uint32", eeh_remaining, eeh_set_unavailable, false,
      "Milliseconds for which the PE is unavailable yet" },
    { "eeh-reset-time", "uint32", eeh_get_reset_time, eeh_set_reset_time,
      false, "Milliseconds for which the PE is unavailable after a reset" },
    { "eeh-stuck-resets", "uint32", eeh_get_stuck_resets, eeh_set_stuck_resets,
      true, "After that many more resets, the PE is frozen and does not thaw" },
    { "eeh-failing-resets", "uint32", eeh_get_failing_resets,
      eeh_set_failing_resets, true,
      "That many more times, ibm,set-slot-reset fails to activate a reset" },
    { "eeh-failing-thaws", "uint32", eeh_get_failing_thaws,
      eeh_set_failing_thaws, true,
      "That many more times, ibm,set-eeh-option fails to thaw MMIO or DMA" },
    { "eeh-freezes", "uint32", eeh_get_freezes, NULL, true,
      "How often the PE was frozen" },
    { "eeh-hot-resets", "uint32", eeh_get_hot_resets, NULL, true,
      "How often the PE was reset by a hot reset" },
    { "eeh-fundamental-resets", "uint32", eeh_get_fundamental_resets, NULL,
      true, "How often the PE was reset by a fundamental reset" },
    { "eeh-configures", "uint32", eeh_get_configures, NULL, true,
      "How often the guest called ibm,configure-pe" },
    { "eeh-logs", "uint32", eeh_get_logs, NULL, true,
      "How many error logs the guest got" },
};

/* The PE that an object's properties are about; NULL with *phb: all PEs */
static EehPe *eeh_prop_pe(Object *obj, EehPhb **phb, Error **errp)
{
    SpaprPhbState *sphb = (SpaprPhbState *)
        object_dynamic_cast(obj, TYPE_SPAPR_PCI_HOST_BRIDGE);
    EehPe *pe;

    *phb = NULL;
    if (sphb) {
        *phb = eeh_phb(sphb);
        return NULL;
    }
    pe = DEVICE(obj)->realized ? eeh_pe_of(PCI_DEVICE(obj)) : NULL;
    if (!pe) {
        error_setg(errp, "no PCI device below a PHB with EEH");
    } else {
        eeh_freeze_bh(pe);
    }
    return pe;
}

static void eeh_make_pe(EehPhb *phb, PCIDevice *dev, void *opaque)
{
    eeh_pe(phb, pci_get_bus(dev), dev->devfn);
}

static void eeh_prop_get(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    const EehProp *prop = opaque;
    uint32_t value = 0;
    EehPhb *phb;
    EehPe *pe = eeh_prop_pe(obj, &phb, errp);

    if (pe) {
        value = prop->get(pe);
    } else if (!phb) {
        return;
    } else {
        if (prop->get == eeh_get_reset_time) {
            value = phb->reset_time;
        }
        QLIST_FOREACH(pe, &phb->pes, list) {
            uint32_t one;

            eeh_freeze_bh(pe);
            one = prop->get(pe);
            value = prop->sum ? value + one : MAX(value, one);
        }
    }
    if (!strcmp(prop->type, "bool")) {
        bool flag = value;

        visit_type_bool(v, name, &flag, errp);
    } else {
        visit_type_uint32(v, name, &value, errp);
    }
}

static void eeh_prop_set(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    ERRP_GUARD();
    const EehProp *prop = opaque;
    uint32_t value;
    bool flag;
    EehPhb *phb;
    EehPe *pe;

    if (!strcmp(prop->type, "bool")) {
        if (!visit_type_bool(v, name, &flag, errp)) {
            return;
        }
        value = flag;
    } else if (!visit_type_uint32(v, name, &value, errp)) {
        return;
    }
    pe = eeh_prop_pe(obj, &phb, errp);
    if (pe) {
        prop->set(pe, value, errp);
        return;
    }
    if (!phb) {
        return;
    }
    if (prop->set == eeh_set_reset_time) {
        phb->reset_time = value;
    }
    if (!phb->realized) {
        if (prop->set != eeh_set_reset_time) {
            error_setg(errp, "not before there are PEs");
        }
        return;
    }
    eeh_for_each_dev(phb, eeh_make_pe, NULL);
    QLIST_FOREACH(pe, &phb->pes, list) {
        eeh_freeze_bh(pe);
        prop->set(pe, value, errp);
        if (*errp) {
            return;
        }
    }
}

static char *eeh_get_reason(Object *obj, Error **errp)
{
    EehPhb *phb;
    EehPe *pe = eeh_prop_pe(obj, &phb, errp);

    return pe ? g_strdup(pe->reason) : NULL;
}

static char *eeh_get_pe(Object *obj, Error **errp)
{
    return g_strdup(eeh_phb(SPAPR_PCI_HOST_BRIDGE(obj))->by_slot ? "slot"
                                                                 : "bus");
}

static void eeh_set_pe(Object *obj, const char *value, Error **errp)
{
    EehPhb *phb = eeh_phb(SPAPR_PCI_HOST_BRIDGE(obj));

    if (phb->realized) {
        error_setg(errp, "eeh-pe cannot change any more");
    } else if (!strcmp(value, "slot")) {
        phb->by_slot = true;
    } else if (!strcmp(value, "bus")) {
        phb->by_slot = false;
    } else {
        error_setg(errp, "eeh-pe is \"bus\" or \"slot\"");
    }
}

static void eeh_add_properties(ObjectClass *klass)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(eeh_props); i++) {
        const EehProp *prop = &eeh_props[i];

        object_class_property_add(klass, prop->name, prop->type, eeh_prop_get,
                                  prop->set ? eeh_prop_set : NULL, NULL,
                                  (void *)prop);
        object_class_property_set_description(klass, prop->name,
                                              prop->description);
    }
}

/*
 * Birth and death, around what the PHB does itself
 */

static DeviceRealize eeh_parent_realize;
static DeviceUnrealize eeh_parent_unrealize;
static void (*eeh_parent_plug)(HotplugHandler *handler, DeviceState *dev,
                               Error **errp);

static void eeh_realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();
    SpaprPhbState *sphb = SPAPR_PCI_HOST_BRIDGE(dev);
    EehPhb *phb = eeh_phb(sphb);
    static bool registered;

    eeh_parent_realize(dev, errp);
    if (*errp) {
        return;
    }
    if (!registered) {
        eeh_rtas_register();
        registered = true;
    }
    memory_region_init_io(&phb->no_mem, OBJECT(sphb), &eeh_no_mem_ops, phb,
                          "master-abort-mem", UINT64_MAX);
    memory_region_add_subregion_overlap(&sphb->memspace, 0, &phb->no_mem, -1);
    memory_region_init_io(&phb->no_io, OBJECT(sphb), &eeh_no_io_ops, phb,
                          "master-abort-io", SPAPR_PCI_IO_WIN_SIZE);
    memory_region_add_subregion_overlap(&sphb->iospace, 0, &phb->no_io, -1);
    eeh_setup_iommu(PCI_HOST_BRIDGE(sphb)->bus, phb);
    phb->realized = true;
}

static void eeh_unrealize(DeviceState *dev)
{
    SpaprPhbState *sphb = SPAPR_PCI_HOST_BRIDGE(dev);
    EehPhb *phb = eeh_phb(sphb);
    EehDev *edev, *next_edev;
    EehPe *pe, *next_pe;

    eeh_parent_unrealize(dev);

    phb->realized = false;
    memory_region_del_subregion(&sphb->memspace, &phb->no_mem);
    memory_region_del_subregion(&sphb->iospace, &phb->no_io);
    object_unparent(OBJECT(&phb->no_mem));
    object_unparent(OBJECT(&phb->no_io));
    QLIST_FOREACH_SAFE(edev, &phb->devs, list, next_edev) {
        QLIST_REMOVE(edev, list);
        address_space_destroy(&edev->as);
        object_unparent(OBJECT(&edev->iommu));
        g_free_rcu(edev, rcu);
    }
    QLIST_FOREACH_SAFE(pe, &phb->pes, list, next_pe) {
        QLIST_REMOVE(pe, list);
        timer_free(pe->timer);
        qemu_bh_delete(pe->freeze_bh);
        g_free(pe->reason);
        g_free_rcu(pe, rcu);
    }
}

typedef struct EehCount {
    EehPe *pe;
    unsigned devices;
} EehCount;

static void eeh_count_dev(EehPhb *phb, PCIDevice *dev, void *opaque)
{
    EehCount *count = opaque;

    count->devices += eeh_pe_of(dev) == count->pe;
}

/* The first one in a PE finds it as after power-on */
static void eeh_plugged(EehPhb *phb, EehPe *pe)
{
    EehPe *parent = eeh_parent(pe);
    EehCount count = { .pe = pe };

    eeh_for_each_dev(phb, eeh_count_dev, &count);
    if (count.devices > 1) {
        return;
    }
    eeh_restart(pe);
    if (parent) {
        pe->state = parent->state;
    }
}

static void eeh_plug(HotplugHandler *handler, DeviceState *dev, Error **errp)
{
    EehPhb *phb = eeh_phb(SPAPR_PCI_HOST_BRIDGE(handler));
    PCIDevice *pdev = PCI_DEVICE(dev);
    EehDev *edev = eeh_dev(phb, pci_get_bus(pdev), pdev->devfn);

    /* Below a conventional bridge, DMA would seem to be the bridge's */
    if (eeh_is_bridge(pdev)) {
        eeh_setup_iommu(pci_bridge_get_sec_bus(PCI_BRIDGE(dev)), phb);
    }
    eeh_parent_plug(handler, dev, errp);
    /* Whatever was in its place before */
    edev->bars_off = false;
    edev->saved = false;
    if (dev->hotplugged) {
        eeh_plugged(phb, edev->pe);
    }
    eeh_apply(phb);
}

/*
 * Upstream, this would be in the PHB's and the PCI device's class_init
 */
static void eeh_class_init(void)
{
    ObjectClass *klass = object_class_by_name(TYPE_SPAPR_PCI_HOST_BRIDGE);
    DeviceClass *dc = DEVICE_CLASS(klass);
    HotplugHandlerClass *hp = HOTPLUG_HANDLER_CLASS(klass);

    device_class_set_parent_realize(dc, eeh_realize, &eeh_parent_realize);
    device_class_set_parent_unrealize(dc, eeh_unrealize, &eeh_parent_unrealize);
    eeh_parent_plug = hp->plug;
    hp->plug = eeh_plug;
    eeh_add_properties(klass);
    object_class_property_add_str(klass, "eeh-pe", eeh_get_pe, eeh_set_pe);
    object_class_property_set_description(klass, "eeh-pe",
        "What is a PE: a \"bus\" (default) or a \"slot\"");

    klass = object_class_by_name(TYPE_PCI_DEVICE);
    eeh_add_properties(klass);
    object_class_property_add_str(klass, "eeh-reason", eeh_get_reason, NULL);
    object_class_property_set_description(klass, "eeh-reason",
        "What last froze the PE");
}

static const TypeInfo eeh_info = {
    .name = TYPE_SPAPR_EEH,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(EehPhb),
};

static void eeh_register_types(void)
{
    type_register_static(&eeh_info);
    type_register_static(&eeh_iommu_info);
}

type_init(eeh_register_types)
/* All types are known, and nothing was made of them yet */
migration_init(eeh_class_init)
