/* SPDX-License-Identifier: MIT */

#include "mm/kmap.h"

#include "base/fault_inject.h"
#include "mm/buddy.h"
#include "mm/kasan.h"

#include <sys/mman.h>

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static size_t slots_bytes(uint32_t page_shift)
{
	return (size_t)(2 * KM_MAX_IDX) << page_shift;
}

static char *slot_addr(const struct kmap_ctrl *ctrl, uint32_t page_shift, int idx)
{
	return ctrl->slots + ((size_t)(2 * idx) << page_shift);
}

/* Aligned to the machine's page, which may be larger than the host's. NULL: the system call failed. */
static char *map_pages(size_t nbytes, uint32_t page_shift, int prot)
{
	size_t align = (size_t)1 << page_shift;
	char *base = core_mmap(NULL, nbytes + align, prot, ANONYMOUS, -1, 0);
	size_t before;

	if (base == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)base & (align - 1);
	if (before)
		munmap(base, before);
	munmap(base + before + nbytes, align - before);
	return base + before;
}

int kmap_init(struct kmap_ctrl *ctrl, enum clearfw_kmap mode, uint32_t page_shift, struct clearfw_error *err)
{
	*ctrl = (struct kmap_ctrl){ .idx = 0 };
	ctrl->overflow = map_pages((size_t)1 << page_shift, page_shift, PROT_READ | PROT_WRITE);
	if (ctrl->overflow && mode == KMAP_STRICT)
		ctrl->slots = map_pages(slots_bytes(page_shift), page_shift, PROT_NONE);
	if (ctrl->overflow && (mode != KMAP_STRICT || ctrl->slots))
		return 0;
	clearfw_fail(err, CLEARFW_ESYS, "mapping %d kmap_local slots", KM_MAX_IDX);
	kmap_deinit(ctrl, page_shift);
	return -CLEARFW_ESYS;
}

void kmap_deinit(struct kmap_ctrl *ctrl, uint32_t page_shift)
{
	if (ctrl->slots)
		munmap(ctrl->slots, slots_bytes(page_shift));
	if (ctrl->overflow)
		munmap(ctrl->overflow, (size_t)1 << page_shift);
	*ctrl = (struct kmap_ctrl){ .idx = 0 };
}

/* NULL: the system call failed. */
static void *map_slot(const struct kmap_ctrl *ctrl, int fd, uint32_t page_shift, size_t offset)
{
	void *addr = core_mmap(slot_addr(ctrl, page_shift, ctrl->idx), (size_t)1 << page_shift, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, (off_t)offset);

	return addr == MAP_FAILED ? NULL : addr;
}

static int unmap_slot(const struct kmap_ctrl *ctrl, uint32_t page_shift, int idx)
{
	void *addr = core_mmap(slot_addr(ctrl, page_shift, idx), (size_t)1 << page_shift, PROT_NONE,
			       ANONYMOUS | MAP_FIXED, -1, 0);

	return addr == MAP_FAILED ? -CLEARFW_ESYS : 0;
}

void *kmap_local(struct kmap_ctrl *ctrl, const struct memory *memory, enum clearfw_kmap mode, uint32_t page_shift,
		 const struct page *page, int *status)
{
	size_t offset = (size_t)page->pfn << page_shift;
	void *addr;

	*status = 0;
	if (page->virtual)
		return page->virtual;
	if (ctrl->idx == KM_MAX_IDX) {
		*status = -CLEARFW_EKMAP_FULL;
		return ctrl->overflow;
	}
	addr = mode == KMAP_STRICT ? map_slot(ctrl, memory->fd, page_shift, offset) : memory_at(memory, offset);
	if (!addr) {
		*status = -CLEARFW_ESYS;
		return ctrl->overflow;
	}
	ctrl->addr[ctrl->idx] = addr;
	ctrl->pfn[ctrl->idx] = page->pfn;
	ctrl->idx++;
	return addr;
}

static bool lies_within(const void *addr, const void *start, size_t nbytes)
{
	return (uintptr_t)addr - (uintptr_t)start < nbytes;
}

static bool is_mapping(const struct kmap_ctrl *ctrl, uint32_t page_shift, int idx, const void *addr)
{
	return idx >= 0 && lies_within(addr, ctrl->addr[idx], (size_t)1 << page_shift);
}

/* What took no slot: lowmem (mm/highmem.c:kunmap_local_indexed, 7.3), and a mapping that failed. */
static bool needs_no_unmap(const struct kmap_ctrl *ctrl, const struct memory *memory, uint32_t page_shift,
			   const void *addr)
{
	return lies_within(addr, memory->direct, memory->lowmem) ||
	       lies_within(addr, ctrl->overflow, (size_t)1 << page_shift);
}

int kunmap(struct kmap_ctrl *ctrl, const struct memory *memory, enum clearfw_kmap mode, uint32_t page_shift,
	   const void *addr)
{
	addr = kasan_untagged(addr);
	if (needs_no_unmap(ctrl, memory, page_shift, addr))
		return 0;
	if (!is_mapping(ctrl, page_shift, ctrl->idx - 1, addr))
		return -CLEARFW_EKMAP_ORDER;
	if (mode == KMAP_STRICT && unmap_slot(ctrl, page_shift, ctrl->idx - 1))
		return -CLEARFW_ESYS;
	ctrl->idx--;
	return 0;
}

void kmap_unwind(struct kmap_ctrl *ctrl, const struct memory *memory, enum clearfw_kmap mode, uint32_t page_shift,
		 int keep)
{
	/* A slot that cannot be unmapped is given up all the same: the next mapping replaces what is there. */
	while (ctrl->idx > keep)
		if (kunmap(ctrl, memory, mode, page_shift, ctrl->addr[ctrl->idx - 1]))
			ctrl->idx--;
}

uint32_t kmap_to_pfn(const struct kmap_ctrl *ctrl, uint32_t page_shift, const void *addr)
{
	for (int idx = ctrl->idx - 1; idx >= 0; idx--)
		if (is_mapping(ctrl, page_shift, idx, addr))
			return ctrl->pfn[idx];
	return NO_PFN;
}
