/* SPDX-License-Identifier: MIT */
#include "check/grant.h"

#include "mm/buddy.h"
#include "mm/machine.h"
#include "mm/vmalloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *map_bytes(size_t nbytes)
{
	void *bytes = mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return bytes == MAP_FAILED ? NULL : bytes;
}

int grant_init(struct grant *grant, struct machine *machine, struct clearfw_error *err)
{
	*grant = (struct grant){ .machine = machine };
	grant->given = map_bytes(machine->max_pfn);
	grant->cleared = map_bytes(machine->max_pfn);
	grant->seals = (size_t)sysconf(_SC_PAGESIZE) <= machine_page_size(machine) && !machine->memory.window;
	if (grant->given && grant->cleared)
		return 0;
	grant_deinit(grant);
	return clearfw_fail(err, CLEARFW_ESYS, "mapping a byte for each page");
}

void grant_deinit(struct grant *grant)
{
	if (!grant->machine)
		return;
	grant_unseal(grant);
	if (grant->given)
		munmap(grant->given, grant->machine->max_pfn);
	if (grant->cleared)
		munmap(grant->cleared, grant->machine->max_pfn);
	free(grant->pages);
	*grant = (struct grant){ .machine = NULL };
}

static void mark(struct grant *grant, uint8_t value)
{
	for (size_t i = 0, n; i < grant->npages; i += n) {
		uint32_t pfn = grant_page(grant, i)->pfn;

		n = grant->pages ? 1 : grant->npages;
		memset(grant->given + pfn, value, n);
		memset(grant->cleared + pfn, 0, n);
	}
}

static int make_room(struct grant *grant, size_t npages)
{
	struct page **pages = realloc(grant->pages, (npages + 1) * sizeof(struct page *));

	if (!pages)
		return -CLEARFW_ESYS;
	grant->pages = pages;
	return 0;
}

int grant_block(struct grant *grant, struct page *page, size_t npages)
{
	free(grant->pages);
	grant->pages = NULL;
	grant->kind = GRANT_BLOCK;
	grant->first = page;
	grant->npages = npages;
	mark(grant, 1);
	return 0;
}

int grant_list(struct grant *grant, struct page *const *pages, size_t npages)
{
	if (make_room(grant, npages))
		return -CLEARFW_ESYS;
	memcpy(grant->pages, pages, npages * sizeof(*pages));
	grant->kind = GRANT_LIST;
	grant->npages = npages;
	mark(grant, 1);
	return 0;
}

int grant_area(struct grant *grant, const void *start, size_t npages)
{
	const char *at = kasan_untagged(start);

	if (make_room(grant, npages))
		return -CLEARFW_ESYS;
	for (size_t i = 0; i < npages; i++)
		grant->pages[i] = vmalloc_to_page(grant->machine, at + (i << grant->machine->page_shift));
	grant->kind = GRANT_AREA;
	grant->area = at;
	grant->npages = npages;
	mark(grant, 1);
	return 0;
}

void grant_take(struct grant *grant)
{
	mark(grant, 0);
	grant->npages = 0;
	grant->area = NULL;
}

static void protect_all(const struct grant *grant, int prot)
{
	const struct memory *memory = &grant->machine->memory;

	mprotect(memory->direct + memory->start, memory->lowmem - memory->start, prot);
	if (memory->nbytes > memory->lowmem)
		mprotect(memory->highmem, memory->nbytes - memory->lowmem, prot);
}

void grant_seal(struct grant *grant)
{
	if (grant->sealed || !grant->seals)
		return;
	protect_all(grant, PROT_READ);
	grant->sealed = true;
}

void grant_unseal(struct grant *grant)
{
	grant->keeps_open = false;
	if (!grant->sealed)
		return;
	protect_all(grant, PROT_READ | PROT_WRITE);
	grant->sealed = false;
}

static void protect_pages(const struct grant *grant, int prot)
{
	size_t page = machine_page_size(grant->machine);

	if (!grant->sealed || (grant->keeps_open && grant->kind != GRANT_BLOCK))
		return;
	if (!grant->pages) {
		mprotect(machine_page_bytes(grant->machine, grant->first), grant->npages * page, prot);
		return;
	}
	for (size_t i = 0; i < grant->npages; i++)
		mprotect(machine_page_bytes(grant->machine, grant->pages[i]), page, prot);
}

void grant_open(struct grant *grant)
{
	protect_pages(grant, PROT_READ | PROT_WRITE);
}

void grant_shut(struct grant *grant)
{
	/* A page of a list that was passed on is asked for alone, as a block: it stays open with the others. */
	if (!grant->keeps_open)
		protect_pages(grant, PROT_READ);
}

void grant_keep_open(struct grant *grant, struct page *const *pages, size_t npages)
{
	for (size_t i = 0; grant->sealed && i < npages; i++)
		mprotect(machine_page_bytes(grant->machine, pages[i]), machine_page_size(grant->machine),
			 PROT_READ | PROT_WRITE);
	grant->keeps_open = true;
}

uint32_t grant_ram_pfn(const struct grant *grant, const void *addr)
{
	const struct machine *machine = grant->machine;
	size_t offset = (size_t)((const char *)addr - machine->memory.direct);

	if (offset < machine->memory.lowmem)
		return (uint32_t)(offset >> machine->page_shift);
	offset = (size_t)((const char *)addr - machine->memory.highmem);
	if (offset < machine->memory.nbytes - machine->memory.lowmem)
		return (uint32_t)((machine->memory.lowmem + offset) >> machine->page_shift);
	return NO_PFN;
}

/* The pfn behind ADDR for who has mapped it: the direct map, a live kmap slot, or the area. NO_PFN: none of his. */
static uint32_t mapped_pfn(const struct grant *grant, const struct cpu *cpu, const char *addr)
{
	const struct machine *machine = grant->machine;
	size_t offset = (size_t)(addr - machine->memory.direct);

	if (offset < machine->memory.lowmem)
		return (uint32_t)(offset >> machine->page_shift);
	if (grant->area && (size_t)(addr - grant->area) >> machine->page_shift < grant->npages)
		return grant->pages[(size_t)(addr - grant->area) >> machine->page_shift]->pfn;
	return cpu->kmap.idx ? kmap_to_pfn(&cpu->kmap, machine->page_shift, addr) : NO_PFN;
}

bool grant_covers(const struct grant *grant, const struct cpu *cpu, const void *addr, size_t nbytes)
{
	size_t page = machine_page_size(grant->machine), lowmem = grant->machine->memory.lowmem;
	uintptr_t start = (uintptr_t)addr, end = start + nbytes;
	size_t offset = start - (uintptr_t)grant->machine->memory.direct;

	if (end < start)
		return false;
	/* A block in the direct map, as most are: no walk. */
	if (grant->kind == GRANT_BLOCK && offset < lowmem && nbytes <= lowmem - offset)
		return offset >= (size_t)grant->first->pfn << grant->machine->page_shift &&
		       offset + nbytes <= ((size_t)grant->first->pfn + grant->npages) << grant->machine->page_shift;
	for (uintptr_t at = start & ~(page - 1); at < end; at += page) {
		uint32_t pfn = mapped_pfn(grant, cpu, (const char *)at);

		if (pfn == NO_PFN || !grant->given[pfn])
			return false;
	}
	return true;
}

void grant_count_clear(struct grant *grant, const struct cpu *cpu, const void *addr, size_t npages)
{
	for (size_t i = 0; i < npages; i++) {
		uint32_t pfn = mapped_pfn(grant, cpu, (const char *)addr + (i << grant->machine->page_shift));

		if (pfn != NO_PFN && grant->cleared[pfn] < UINT8_MAX)
			grant->cleared[pfn]++;
	}
}
