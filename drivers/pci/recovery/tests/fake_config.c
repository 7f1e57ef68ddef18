// SPDX-License-Identifier: GPL-2.0
/*
 * The config space of a fake function.
 *
 * It has registers that can be written, which a reset forgets, and is silent
 * while the PE is frozen.
 */

#include <linux/pci.h>
#include <linux/unaligned.h>

#include "fake.h"

/* On s390 the BARs are the firmware's. */
#define HAS_BAR (!IS_ENABLED(CONFIG_S390))

/* Registers that can be written: all others are constant. */
static const struct {
	u16 where;
	u8 size;
	u32 mask;
} writable[] = {
	{ PCI_COMMAND, 2, 0x0547 },
	{ PCI_CACHE_LINE_SIZE, 1, 0xff },
	{ PCI_LATENCY_TIMER, 1, 0xff },
	{ PCI_BASE_ADDRESS_0, 4, HAS_BAR * ~(FAKE_BAR_SIZE - 1) },
	{ PCI_BASE_ADDRESS_1, 4, HAS_BAR * 0xffffffff },
	{ PCI_INTERRUPT_LINE, 1, 0xff },
	{ FAKE_MSIX + PCI_MSIX_FLAGS, 2,
	  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL },
	{ FAKE_MSI + PCI_MSI_FLAGS, 2,
	  PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE },
	{ FAKE_MSI + PCI_MSI_ADDRESS_LO, 4, 0xfffffffc },
	{ FAKE_MSI + PCI_MSI_ADDRESS_HI, 4, 0xffffffff },
	{ FAKE_MSI + PCI_MSI_DATA_64, 2, 0xffff },
	{ FAKE_PCIE + PCI_EXP_DEVCTL, 2, 0x7fff },
	{ FAKE_PCIE + PCI_EXP_LNKCTL, 2, 0x01ff },
	{ FAKE_PCIE + PCI_EXP_DEVCTL2, 2, 0x7fff },
	{ FAKE_PCIE + PCI_EXP_LNKCTL2, 2, 0xffff },
	{ FAKE_AER + PCI_ERR_UNCOR_MASK, 4, 0x07fff030 },
	{ FAKE_AER + PCI_ERR_UNCOR_SEVER, 4, 0x07fff030 },
	{ FAKE_AER + PCI_ERR_COR_MASK, 4, 0x0000f1c1 },
	{ FAKE_AER + PCI_ERR_CAP, 4, 0x00000140 },
	{ FAKE_ATS + PCI_ATS_CTRL, 2, 0x801f },
	{ FAKE_PASID + PCI_PASID_CTRL, 2, 0x0007 },
};

/* Does it answer this access? */
static bool answers(struct fake_fn *fn)
{
	enum pci_pe_hw_state hw;

	if (!fn || !READ_ONCE(fn->present))
		return false;
	if (READ_ONCE(fn->scanning))
		return true;
	if (atomic_read(&fn->fpe->error_in) &&
	    !atomic_dec_if_positive(&fn->fpe->error_in))
		fake_error(fn->fpe);
	hw = fake_state(fn->fpe);
	return hw == PCI_PE_HW_NORMAL || hw == PCI_PE_HW_MMIO;
}

static struct fake_fn *fn_at(struct pci_bus *bus, unsigned int devfn)
{
	struct fake_pe *fpe;

	fpe = fake_pe_at((pci_domain_nr(bus) - FAKE_DOMAIN) * FAKE_SLOTS +
			 PCI_SLOT(devfn));
	return fpe ? &fpe->fn[PCI_FUNC(devfn)] : NULL;
}

static int config_read(struct pci_bus *bus, unsigned int devfn, int where,
		       int size, u32 *val)
{
	struct fake_fn *fn = fn_at(bus, devfn);
	unsigned long flags;
	int i;

	if (!answers(fn)) {
		PCI_SET_ERROR_RESPONSE(val);
		return PCIBIOS_SUCCESSFUL;
	}
	*val = 0;
	if (where + size > FAKE_CFG_SIZE)
		return PCIBIOS_SUCCESSFUL;
	spin_lock_irqsave(&fn->fpe->hw_lock, flags);
	for (i = 0; i < size; i++)
		*val |= (u32)fn->cfg[where + i] << 8 * i;
	spin_unlock_irqrestore(&fn->fpe->hw_lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

/* Which bits of the byte at @where can be written? */
static u8 mask_at(int where)
{
	int i, shift;

	for (i = 0; i < ARRAY_SIZE(writable); i++) {
		shift = where - writable[i].where;
		if (shift >= 0 && shift < writable[i].size)
			return writable[i].mask >> 8 * shift;
	}
	return 0;
}

static int config_write(struct pci_bus *bus, unsigned int devfn, int where,
			int size, u32 val)
{
	struct fake_fn *fn = fn_at(bus, devfn);
	unsigned long flags;
	u8 *reg, mask;
	int i;

	if (!answers(fn) || where + size > FAKE_CFG_SIZE)
		return PCIBIOS_SUCCESSFUL;
	spin_lock_irqsave(&fn->fpe->hw_lock, flags);
	for (i = 0; i < size; i++) {
		reg = &fn->cfg[where + i];
		mask = mask_at(where + i);
		*reg = (*reg & ~mask) | (val >> 8 * i & mask);
	}
	spin_unlock_irqrestore(&fn->fpe->hw_lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

struct pci_ops fake_config_ops = {
	.read = config_read,
	.write = config_write,
};

static void put_header(u8 *cfg, u16 device)
{
	put_unaligned_le16(FAKE_VENDOR, cfg + PCI_VENDOR_ID);
	put_unaligned_le16(device, cfg + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, cfg + PCI_STATUS);
	put_unaligned_le32(PCI_CLASS_NOT_DEFINED << 16 | 1,
			   cfg + PCI_CLASS_REVISION);
	cfg[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL | PCI_HEADER_TYPE_MFD;
	if (HAS_BAR)
		put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_64,
				   cfg + PCI_BASE_ADDRESS_0);
	put_unaligned_le16(FAKE_VENDOR, cfg + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(1, cfg + PCI_SUBSYSTEM_ID);
	cfg[PCI_CAPABILITY_LIST] = FAKE_MSIX;
}

static void put_cap(u8 *cfg, int where, u8 id, u8 next, u16 flags)
{
	cfg[where] = id;
	cfg[where + 1] = next;
	put_unaligned_le16(flags, cfg + where + 2);
}

static void put_ext_cap(u8 *cfg, int where, u16 id, u8 version, u16 next)
{
	put_unaligned_le32(id | version << 16 | (u32)next << 20, cfg + where);
}

/* What it is after power on. */
static void put_defaults(struct fake_fn *fn, u16 device, u64 serial)
{
	u8 *cfg = fn->cfg;

	memset(cfg, 0, FAKE_CFG_SIZE);
	put_header(cfg, device);
	/* Two vectors, table and pending bits in BAR 0. */
	put_cap(cfg, FAKE_MSIX, PCI_CAP_ID_MSIX, FAKE_MSI, 1);
	put_unaligned_le32(0x800, cfg + FAKE_MSIX + PCI_MSIX_PBA);
	put_cap(cfg, FAKE_MSI, PCI_CAP_ID_MSI, FAKE_PCIE, PCI_MSI_FLAGS_64BIT);
	put_cap(cfg, FAKE_PCIE, PCI_CAP_ID_EXP, 0,
		2 | PCI_EXP_TYPE_ENDPOINT << 4);
	/* 512 bytes of payload. */
	put_unaligned_le32(2, cfg + FAKE_PCIE + PCI_EXP_DEVCAP);
	put_unaligned_le16(PCI_EXP_DEVCTL_READRQ_512B,
			   cfg + FAKE_PCIE + PCI_EXP_DEVCTL);
	put_ext_cap(cfg, FAKE_AER, PCI_EXT_CAP_ID_ERR, 2, FAKE_DSN);
	put_unaligned_le32(0x00462030, cfg + FAKE_AER + PCI_ERR_UNCOR_SEVER);
	put_ext_cap(cfg, FAKE_DSN, PCI_EXT_CAP_ID_DSN, 1, FAKE_ATS);
	put_unaligned_le64(serial, cfg + FAKE_DSN + 4);
	put_ext_cap(cfg, FAKE_ATS, PCI_EXT_CAP_ID_ATS, 1, FAKE_PASID);
	put_unaligned_le16(PCI_ATS_CAP_PAGE_ALIGNED, cfg + FAKE_ATS + PCI_ATS_CAP);
	put_ext_cap(cfg, FAKE_PASID, PCI_EXT_CAP_ID_PASID, 1, 0);
	put_unaligned_le16(PCI_PASID_CAP_PRIV | 16 << 8,
			   cfg + FAKE_PASID + PCI_PASID_CAP);
}

void fake_config_init(struct fake_fn *fn)
{
	fake_config_reset(fn, FAKE_SAME);
}

/* A reset: every register has its initial value again. */
void fake_config_reset(struct fake_fn *fn, enum fake_change change)
{
	u16 device = fn->driver;
	u64 serial = FAKE_SERIAL + fn->fpe->index;
	unsigned long flags;

	if (change == FAKE_OTHER_DEVICE)
		device ^= 0x100;
	if (change == FAKE_OTHER_SERIAL)
		serial++;
	spin_lock_irqsave(&fn->fpe->hw_lock, flags);
	put_defaults(fn, device, serial);
	spin_unlock_irqrestore(&fn->fpe->hw_lock, flags);
	if (change == FAKE_NO_ANSWER)
		WRITE_ONCE(fn->present, false);
}
EXPORT_SYMBOL_GPL(fake_config_reset);
