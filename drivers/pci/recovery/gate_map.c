// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of files behind a gate: a BAR, or memory of the driver's.
 *
 * The driver says what is to be mapped, faults are handled by the core alone.  A page
 * becomes accessible only under map_lock, with the gate live; who shuts the gate
 * moves its state, and then takes map_lock to zap all pages.  A fault that has
 * seen the gate live has entered its page before that, and any later one does not
 * see it live:
 *
 *	fault				shut
 *	  read_lock(map_lock)		  state = FROZEN, CLOSING, DEAD
 *	    state is LIVE?		  write_lock(map_lock)
 *	    insert the page		    zap all pages
 *	  read_unlock(map_lock)		  write_unlock(map_lock)
 *
 * That is why the page is inserted here: one that a fault handler returns is
 * inserted by who called it, after the unlock.
 */

#include <linux/cleanup.h>
#include <linux/fs_context.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pci.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "gate.h"
#include "gate_file.h"

#define PCI_GATE_MAGIC	0x70636967	/* "pcig" */

/**
 * struct pci_gate_map - what a mapping, and all that were made from it, is of
 * @pdev: the device
 * @pgoff: where in the file it begins, in pages
 * @pages: how many
 * @pfn: the first page, of a BAR
 * @addr: or of memory
 * @kref: 1 for each VMA
 */
struct pci_gate_map {
	struct pci_dev *pdev;
	unsigned long pgoff;
	unsigned long pages;
	unsigned long pfn;
	void *addr;
	struct kref kref;
};

/**
 * pci_gate_map_offset - where in a file is something to be mapped?
 * @map: of pci_gate_file_ops.mmap
 *
 * Context: In pci_gate_file_ops.mmap.
 * Return: The offset that mmap() was called with, in pages.
 */
unsigned long pci_gate_map_offset(struct pci_gate_map *map)
{
	return map->pgoff;
}
EXPORT_SYMBOL_GPL(pci_gate_map_offset);

/* Can user space of this architecture access BARs?  As for those in sysfs. */
#if defined(HAVE_PCI_MMAP) || defined(ARCH_GENERIC_PCI_MMAP_RESOURCE)
#define CAN_MAP_BAR	true
#else
#define CAN_MAP_BAR	false
#endif

/**
 * pci_gate_map_bar - map part of a BAR, without caches
 * @map: of pci_gate_file_ops.mmap
 * @bar: number of the BAR
 * @offset: where in it to begin, in bytes, a multiple of the page size
 *
 * Only whole pages: what shares a page with a small BAR may be another device's.
 *
 * Context: In pci_gate_file_ops.mmap.
 * Return: 0; -EINVAL if it is not memory, does not begin with a page or is shorter
 * than what is to be mapped; -EOPNOTSUPP if this architecture cannot.
 */
int pci_gate_map_bar(struct pci_gate_map *map, int bar, unsigned long offset)
{
	resource_size_t start, pages;

	if (!CAN_MAP_BAR)
		return -EOPNOTSUPP;
	if (bar < 0 || bar >= PCI_STD_NUM_BARS ||
	    !(pci_resource_flags(map->pdev, bar) & IORESOURCE_MEM))
		return -EINVAL;
	start = pci_resource_start(map->pdev, bar);
	pages = pci_resource_len(map->pdev, bar) >> PAGE_SHIFT;
	if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(offset))
		return -EINVAL;
	offset >>= PAGE_SHIFT;
	if (offset > pages || map->pages > pages - offset)
		return -EINVAL;
	map->pfn = (start >> PAGE_SHIFT) + offset;
	return 0;
}
EXPORT_SYMBOL_GPL(pci_gate_map_bar);

/**
 * pci_gate_map_memory - map memory of the driver's
 * @map: of pci_gate_file_ops.mmap
 * @addr: of vmalloc(), alloc_pages_exact() or get_zeroed_page(), cleared, at the
 *	beginning of a page; not of kmalloc().  Must not be freed before the driver's
 *	remove() is called
 * @size: how much there is, in bytes
 *
 * Context: In pci_gate_file_ops.mmap.
 * Return: 0; -EINVAL if @addr is not the beginning of a page, or there is less than
 * is to be mapped.
 */
int pci_gate_map_memory(struct pci_gate_map *map, void *addr, size_t size)
{
	if (!PAGE_ALIGNED(addr) || map->pages > size >> PAGE_SHIFT)
		return -EINVAL;
	map->addr = addr;
	return 0;
}
EXPORT_SYMBOL_GPL(pci_gate_map_memory);

/* The page of a fault; the gate is live, and stays until the caller unlocks. */
static vm_fault_t insert(struct pci_gate_map *map, struct vm_fault *vmf)
{
	unsigned long i = vmf->pgoff - map->pgoff;
	void *addr;

	if (i >= map->pages)
		return VM_FAULT_SIGBUS;
	if (!map->addr)
		return vmf_insert_pfn(vmf->vma, vmf->address, map->pfn + i);
	addr = map->addr + (i << PAGE_SHIFT);
	return vmf_insert_page(vmf->vma, vmf->address,
			       is_vmalloc_addr(addr) ? vmalloc_to_page(addr) :
						       virt_to_page(addr));
}

/*
 * The device is being reset and will answer again, so a program that has nothing to
 * do with that goes on as if its access had taken long, rather than die.  Without
 * mmap_lock: in the same process there may be somebody inside who needs it, and the
 * thaw waits for him.  For that reason the kernel does not wait here either, when
 * it copies from or to a mapping: it may be he.
 */
static vm_fault_t wait_thaw(struct vm_fault *vmf, struct pci_gate *gate)
{
	bool interruptible = vmf->flags & FAULT_FLAG_INTERRUPTIBLE;

	if (!(vmf->flags & FAULT_FLAG_USER) ||
	    !(vmf->flags & FAULT_FLAG_ALLOW_RETRY) ||
	    (vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		return VM_FAULT_SIGBUS;
	/* Then the mapping, and the file, may go. */
	pci_gate_get(gate);
	release_fault_lock(vmf);
	/* If a signal ends that, who called us sees it. */
	(void)pci_gate_wait_thaw(gate, interruptible);
	pci_gate_put(gate);
	return VM_FAULT_RETRY;
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct pci_gate_file *file = vmf->vma->vm_file->private_data;
	struct pci_gate_node *node = file->node;
	enum pci_gate_state state;

	scoped_guard(rwsem_read, &node->map_lock) {
		if (pci_gate_node_closing(node))
			return VM_FAULT_SIGBUS;
		state = pci_gate_state(node->gate);
		if (state == PCI_GATE_LIVE)
			return insert(vmf->vma->vm_private_data, vmf);
	}
	return state == PCI_GATE_FROZEN ? wait_thaw(vmf, node->gate) :
					  VM_FAULT_SIGBUS;
}

static void map_free(struct kref *kref)
{
	kfree(container_of(kref, struct pci_gate_map, kref));
}

/* One more VMA: forked, split or moved. */
static void map_open(struct vm_area_struct *vma)
{
	struct pci_gate_map *map = vma->vm_private_data;

	kref_get(&map->kref);
}

static void map_close(struct vm_area_struct *vma)
{
	struct pci_gate_map *map = vma->vm_private_data;

	kref_put(&map->kref, map_free);
}

static const struct vm_operations_struct map_ops = {
	.open = map_open,
	.close = map_close,
	.fault = map_fault,
};

/* Nothing of @node is accessible after this, until a fault finds the gate live. */
void pci_gate_zap(struct pci_gate_node *node)
{
	guard(rwsem_write)(&node->map_lock);
	unmap_mapping_range(node->inode->i_mapping, 0, 0, 1);
}

/*
 * What the driver wants to be mapped.  Not in a section, for which it may have to
 * wait, with mmap_lock held: see wait_thaw().  Nothing is touched here.
 */
static int ask(struct pci_gate_file *file, struct pci_gate_map *map)
{
	struct pci_gate_node *node = file->node;
	int ret = -ENODEV;

	if (pci_gate_error(node->gate) == -ENODEV || !pci_gate_node_enter(node))
		return -ENODEV;
	/* For lockdep as if inside: who closes waits for it. */
	pci_gate_dep_acquire(node->gate);
	if (node->ops->mmap)
		ret = node->ops->mmap(file, map);
	pci_gate_dep_release(node->gate);
	pci_gate_node_exit(node);
	if (!ret && !map->pfn && !map->addr)
		ret = -EINVAL;
	return ret;
}

int pci_gate_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct pci_gate_file *file = filp->private_data;
	struct pci_gate_map *map;
	int ret;

	/* A private page would be a copy, which cannot be taken away. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return -ENOMEM;
	map->pdev = file->node->gate->pdev;
	map->pgoff = vma->vm_pgoff;
	map->pages = vma_pages(vma);
	kref_init(&map->kref);
	ret = ask(file, map);
	if (ret) {
		kfree(map);
		return ret;
	}
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	if (map->addr) {
		vm_flags_set(vma, VM_MIXEDMAP);
	} else {
		vm_flags_set(vma, VM_IO | VM_PFNMAP);
		vma->vm_page_prot = pgprot_device(vma->vm_page_prot);
	}
	vma->vm_private_data = map;
	vma->vm_ops = &map_ops;
	return 0;
}

/* Inodes that are nowhere: each has the mapping of one device file. */
static int gate_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, PCI_GATE_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type gate_fs = {
	.name = "pci_gate",
	.init_fs_context = gate_fs_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *gate_mount;

struct inode *pci_gate_inode(void)
{
	return alloc_anon_inode(gate_mount->mnt_sb);
}

int __init pci_gate_inode_init(void)
{
	gate_mount = kern_mount(&gate_fs);
	return PTR_ERR_OR_ZERO(gate_mount);
}
