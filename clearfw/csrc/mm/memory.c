/* SPDX-License-Identifier: MIT */

#include "mm/memory.h"

#include "base/fault_inject.h"
#include "mm/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

#define HUGE_BYTES (2ul << 20)
/* The largest buddy block of the largest page size must be aligned in address as in pfn. */
#define DIRECT_ALIGN (64ul << 20)

static size_t round_up(size_t nbytes, size_t unit)
{
	return (nbytes + unit - 1) / unit * unit;
}

static char *first_byte(const struct memory *memory)
{
	return memory->direct + memory->start;
}

static void *reserve(size_t nbytes)
{
	return core_mmap(NULL, nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* What machines share, one at a time, so that its pages need not be had from the host for each: or -1. */
static int shared_ram = -1;

void memory_share(int fd)
{
	shared_ram = fd;
}

/* Grown, and never cut off: another machine may have needed more. */
static int open_shared_ram(struct memory *memory, struct clearfw_error *err)
{
	struct stat stat;

	memory->fd = fcntl(shared_ram, F_DUPFD_CLOEXEC, 0);
	if (memory->fd < 0)
		return clearfw_fail(err, CLEARFW_ESYS, "opening the memfd that machines share");
	if (fstat(memory->fd, &stat) == 0 &&
	    ((size_t)stat.st_size >= memory->nbytes || core_ftruncate(memory->fd, (off_t)memory->nbytes) == 0))
		return 0;
	clearfw_fail(err, CLEARFW_ESYS, "ftruncate of the memfd to %zu bytes", memory->nbytes);
	close(memory->fd);
	memory->fd = -1;
	return -CLEARFW_ESYS;
}

static int open_ram(struct memory *memory, bool hugetlb, struct clearfw_error *err)
{
	/* A memfd of huge pages has a whole number of them; what is over is never handed out. */
	size_t nbytes = hugetlb ? round_up(memory->nbytes, HUGE_BYTES) : memory->nbytes;

	if (shared_ram >= 0 && !hugetlb)
		return open_shared_ram(memory, err);
	memory->fd = core_memfd_create("clearfw-ram", MFD_CLOEXEC | (hugetlb ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (memory->fd < 0)
		return clearfw_fail(err, CLEARFW_ESYS, "memfd_create");
	if (core_ftruncate(memory->fd, (off_t)nbytes) == 0)
		return 0;
	clearfw_fail(err, CLEARFW_ESYS, "ftruncate of the memfd to %zu bytes", nbytes);
	close(memory->fd);
	memory->fd = -1;
	return -CLEARFW_ESYS;
}

static int map_ram(struct memory *memory, struct clearfw_error *err)
{
	size_t high = memory->nbytes - memory->lowmem, low = memory->lowmem - memory->start;
	int flags = MAP_SHARED | MAP_FIXED;

	/* hugetlb refuses, here and not at first touch, what the pool cannot back. */
	if (core_mmap(memory->direct + memory->start, low, PROT_READ | PROT_WRITE, flags, memory->fd,
		      (off_t)memory->start) == MAP_FAILED)
		return clearfw_fail(err, CLEARFW_ESYS, "mmap of the direct map, %zu bytes", low);
	if (high && core_mmap(memory->highmem, high, PROT_READ | PROT_WRITE, flags, memory->fd,
			      (off_t)memory->lowmem) == MAP_FAILED)
		return clearfw_fail(err, CLEARFW_ESYS, "mmap of HIGHMEM, %zu bytes", high);
	return 0;
}

/* Direct map, a hole, and the view of HIGHMEM: one reservation, so that one munmap releases it all. */
static int reserve_ram(struct memory *memory, struct clearfw_error *err)
{
	memory->reserved = round_up(memory->nbytes, HUGE_BYTES) + 2 * DIRECT_ALIGN;
	memory->reservation = reserve(memory->reserved);
	if (memory->reservation == MAP_FAILED) {
		memory->reservation = NULL;
		return clearfw_fail(err, CLEARFW_ESYS, "reserving %zu bytes of address space", memory->reserved);
	}
	memory->direct = (char *)round_up((size_t)memory->reservation, DIRECT_ALIGN);
	memory->highmem = memory->direct + round_up(memory->lowmem, HUGE_BYTES) + HUGE_BYTES;
	return 0;
}

static int try_backing(struct memory *memory, enum clearfw_backing backing, struct clearfw_error *err)
{
	int status = open_ram(memory, backing == BACKING_HUGETLB, err);

	if (status)
		return status;
	memory->backing = backing;
	status = map_ram(memory, err);
	/* Advice is only advice: what came of it is read back from smaps. */
	if (!status && backing == BACKING_THP)
		core_madvise(first_byte(memory), memory->lowmem - memory->start, MADV_HUGEPAGE);
	else if (!status && backing == BACKING_BASE)
		core_madvise(first_byte(memory), memory->lowmem - memory->start, MADV_NOHUGEPAGE);
	if (status) {
		close(memory->fd);
		memory->fd = -1;
	}
	return status;
}

static bool hugetlb_fits(const struct memory *memory, const struct clearfw_config *config)
{
	/* A 2 MiB page cannot be mapped in parts: neither kmap slots nor vmalloc would work. */
	return !config->highmem && memory->nbytes % HUGE_BYTES == 0 && memory->start % HUGE_BYTES == 0;
}

static int open_window(struct memory *memory, struct clearfw_error *err)
{
	memory->backing = BACKING_BASE;
	memory->window = window_open(first_byte(memory), memory->nbytes - memory->start, err);
	return memory->window ? 0 : -CLEARFW_ESYS;
}

int memory_init(struct memory *memory, const struct clearfw_config *config, struct clearfw_error *err)
{
	int status;

	*memory = (struct memory){
		.fd = -1,
		.nbytes = config->hole + config->memory,
		.start = config->hole,
		.lowmem = config->hole + config->memory - config->highmem,
	};
	if (config->backing == BACKING_HUGETLB && !hugetlb_fits(memory, config))
		return clearfw_fail(err, CLEARFW_EBACKING, "backing=hugetlb takes whole 2 MiB pages and no HIGHMEM");
	status = reserve_ram(memory, err);
	if (status)
		return status;
	if (config->window)
		status = open_window(memory, err);
	else if (config->backing != BACKING_AUTO)
		status = try_backing(memory, config->backing, err);
	else if (!hugetlb_fits(memory, config) || try_backing(memory, BACKING_HUGETLB, err))
		status = try_backing(memory, BACKING_THP, err);
	if (status) {
		memory_deinit(memory);
		if (config->backing == BACKING_HUGETLB)
			return clearfw_fail(err, CLEARFW_EBACKING,
					    "%zu huge pages of 2 MiB wanted, the pool has fewer free: vm.nr_hugepages",
					    (size_t)(config->memory / HUGE_BYTES));
	}
	return status;
}

void memory_deinit(struct memory *memory)
{
	if (memory->window)
		window_close(memory->window);
	if (memory->reservation)
		munmap(memory->reservation, memory->reserved);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct memory){ .fd = -1 };
}

static int populate(void *start, size_t nbytes, struct clearfw_error *err)
{
	if (nbytes && core_madvise(start, nbytes, MADV_POPULATE_WRITE))
		return clearfw_fail(err, CLEARFW_ESYS, "faulting in %zu bytes", nbytes);
	return 0;
}

/* shmem_enabled=never gives small pages even when advised; collapsing works all the same. */
static int collapse(struct memory *memory, bool asked_for, struct clearfw_error *err)
{
	size_t nbytes = (memory->lowmem - memory->start) / HUGE_BYTES * HUGE_BYTES;

	if (!core_madvise(first_byte(memory), nbytes, MADV_COLLAPSE) || memory_huge_bytes(memory) != 0)
		return 0;
	if (asked_for)
		return clearfw_fail(err, CLEARFW_EBACKING, "backing=thp, and the host kernel collapses no huge page");
	memory->backing = BACKING_BASE;
	return 0;
}

int memory_populate(struct memory *memory, enum clearfw_backing asked, struct clearfw_error *err)
{
	int status;

	if (memory->window)
		return 0;
	status = populate(first_byte(memory), memory->lowmem - memory->start, err);
	if (!status)
		status = populate(memory->highmem, memory->nbytes - memory->lowmem, err);
	if (!status && memory->backing == BACKING_THP)
		status = collapse(memory, asked == BACKING_THP, err);
	return status;
}

int64_t memory_huge_bytes(const struct memory *memory)
{
	static const char *const kinds[] = { "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:",
					     "Private_Hugetlb:" };
	size_t start, end, direct = (size_t)memory->direct;
	unsigned long long kib;
	char line[512], kind[64];
	int64_t huge = 0;
	bool ours = false;
	FILE *smaps = fopen("/proc/self/smaps", "re");

	if (!smaps)
		return -1;
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%zx-%zx %*s", &start, &end) == 2)
			ours = start >= direct && end <= direct + round_up(memory->lowmem, HUGE_BYTES);
		else if (ours && sscanf(line, "%63s %llu kB", kind, &kib) == 2)
			for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
				if (!strcmp(kind, kinds[i]))
					huge += (int64_t)(kib << 10);
	}
	fclose(smaps);
	return huge;
}
