// SPDX-License-Identifier: GPL-2.0
/*
 * Make functions below EEH fail, to test recovery.
 *
 * What /sys/kernel/debug/pci_recovery/inject understands here:
 *
 *	0001:00:00.0 mmio	a load from its memory fails
 *	0001:00:00.0 config	a load from its config space fails
 *	0001:00:00.0 dma	its next DMA faults
 *	0001:00:00.0 func 7	the platform's "ioa-bus-error" with that function,
 *				see EEH_ERR_FUNC_* in uapi/asm/eeh.h
 *
 * All of them are genuine: the platform freezes the PE, and tells nobody.  See
 * LoPAR, "ibm,errinjct".
 */

#include <linux/module.h>
#include <linux/pci-recovery.h>

#include <asm/eeh.h>
#include <asm/pci-bridge.h>
#include <asm/ppc-pci.h>
#include <asm/rtas.h>

/* Of the property "ibm,errinjct-tokens": ioa-bus-error-64 */
#define BUS_ERROR_64	15

/* What ibm,errinjct takes for it. */
struct bus_error {
	__be64 addr;
	__be64 mask;
	__be32 pe;
	__be32 buid_hi;
	__be32 buid_lo;
	__be32 func;
} __packed;
static_assert(sizeof(struct bus_error) == 32);

/* One session at a time may inject errors: ours, for a moment. */
static int rtas_inject(struct eeh_pe *epe, u64 addr, int func)
{
	struct bus_error error = {
		.addr = cpu_to_be64(addr),
		.pe = cpu_to_be32(epe->addr),
		.buid_hi = cpu_to_be32(BUID_HI(epe->phb->buid)),
		.buid_lo = cpu_to_be32(BUID_LO(epe->phb->buid)),
		.func = cpu_to_be32(func),
	};
	int session, status, ret;

	/* Unlike other calls, this one returns its status last. */
	session = rtas_call(rtas_function_token(RTAS_FN_IBM_OPEN_ERRINJCT), 0,
			    2, &status);
	if (status)
		return -EBUSY;
	spin_lock(&rtas_data_buf_lock);
	memcpy(rtas_data_buf, &error, sizeof(error));
	ret = rtas_call(rtas_function_token(RTAS_FN_IBM_ERRINJCT), 3, 1, NULL,
			BUS_ERROR_64, session, __pa(rtas_data_buf));
	spin_unlock(&rtas_data_buf_lock);
	rtas_call(rtas_function_token(RTAS_FN_IBM_CLOSE_ERRINJCT), 1, 1, NULL,
		  session);
	return ret ? -EIO : 0;
}

static u64 memory_of(struct pci_dev *pdev)
{
	struct resource *res;

	pci_dev_for_each_resource(pdev, res) {
		if (res->flags & IORESOURCE_MEM && res->start)
			return res->start;
	}
	return 0;
}

static int inject(struct pci_dev *pdev, const char *how)
{
	struct eeh_dev *edev = pci_dev_to_eeh_dev(pdev);
	u64 addr = 0;
	int func;

	if (!edev || !edev->pe)
		return -ENODEV;
	if (!strcmp(how, "mmio"))
		func = EEH_ERR_FUNC_LD_MEM_ADDR;
	else if (!strcmp(how, "config"))
		func = EEH_ERR_FUNC_LD_CFG_ADDR;
	else if (!strcmp(how, "dma"))
		func = EEH_ERR_FUNC_DMA_RD_ADDR;
	else if (sscanf(how, "func %i", &func) != 1)
		return -EINVAL;
	if (func == EEH_ERR_FUNC_LD_MEM_ADDR)
		addr = memory_of(pdev);

	if (rtas_function_implemented(RTAS_FN_IBM_ERRINJCT))
		return rtas_inject(edev->pe, addr, func);
	return eeh_pe_inject_err(edev->pe, EEH_ERR_TYPE_64, func, addr, 0);
}

static struct pci_inject eeh_inject = { .inject = inject };

static int __init inject_init(void)
{
	return pci_inject_register(&eeh_inject);
}
module_init(inject_init);

static void __exit inject_exit(void)
{
	pci_inject_unregister(&eeh_inject);
}
module_exit(inject_exit);

MODULE_DESCRIPTION("Injection of EEH errors");
MODULE_LICENSE("GPL");
