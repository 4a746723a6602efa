/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "primitives/primitive.h"

#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define GARBAGE 0xa5
#define NEIGHBOURS 2 /* one page on either side of those to be cleared */

/* Page-aligned memory with nothing mapped right before and right after it. */
struct window {
	char *start;
	size_t nbytes;
	void *mapping;
	size_t mapping_nbytes;
};

static struct window window_create(size_t nbytes, size_t page_size)
{
	struct window w = { .nbytes = nbytes, .mapping_nbytes = nbytes + 3 * page_size };

	w.mapping = mmap(NULL, w.mapping_nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(w.mapping != MAP_FAILED);
	w.start = (char *)w.mapping + page_size;
	w.start += -(uintptr_t)w.start & (page_size - 1);
	CHECK(!mprotect(w.start, nbytes, PROT_READ | PROT_WRITE));
	return w;
}

static void window_destroy(struct window *w)
{
	CHECK(!munmap(w->mapping, w->mapping_nbytes));
}

static void zero(const struct clearfw_primitive *primitive, void *addr, size_t nbytes)
{
	primitive->zero(addr, nbytes);
	if (primitive->fence)
		primitive->fence();
}

static void check_filled(const void *addr, size_t nbytes, uint8_t byte)
{
	size_t where;

	CHECK(primitive_is_filled(addr, nbytes, byte, &where));
}

/* The pages asked for become zero, and no byte beside them changes. */
static void check_clears_exactly(const struct clearfw_primitive *primitive, size_t npages, size_t page_size)
{
	struct window w = window_create((npages + NEIGHBOURS) * page_size, page_size);
	char *first = w.start + page_size;
	char *last = w.start + w.nbytes - page_size;

	primitive_dirty(w.start, w.nbytes, GARBAGE);
	zero(primitive, first, npages * page_size);
	check_filled(w.start, page_size, GARBAGE);
	check_filled(first, npages * page_size, 0);
	check_filled(last, page_size, GARBAGE);
	window_destroy(&w);
}

/* Nothing outside the pages is touched, not even read: they lie between two guards. */
static void check_stays_inside(const struct clearfw_primitive *primitive, size_t npages, size_t page_size)
{
	struct window w = window_create(npages * page_size, page_size);

	primitive_dirty(w.start, w.nbytes, GARBAGE);
	zero(primitive, w.start, w.nbytes);
	check_filled(w.start, w.nbytes, 0);
	window_destroy(&w);
}

static void test_every_primitive_clears_whole_pages_and_no_more(void)
{
	static const size_t page_sizes[] = { 4096, 16384, 65536 };
	static const size_t npages[] = { 1, 2, 3, 16, 512 };
	const struct clearfw_primitive *primitive;

	for (int i = 0; (primitive = primitive_at(i)); i++) {
		bool supported = primitive_is_supported(primitive);

		printf("%-10s %-32s %s\n", primitive->name, primitive->instruction,
		       supported ? "checked" : "not supported here");
		for (size_t p = 0; supported && p < sizeof(page_sizes) / sizeof(*page_sizes); p++) {
			for (size_t n = 0; n < sizeof(npages) / sizeof(*npages); n++) {
				check_clears_exactly(primitive, npages[n], page_sizes[p]);
				check_stays_inside(primitive, npages[n], page_sizes[p]);
			}
		}
	}
}

static void test_every_primitive_is_complete_and_found_by_its_name(void)
{
	const struct clearfw_primitive *primitive;

	for (int i = 0; (primitive = primitive_at(i)); i++) {
		CHECK(primitive->abi == CLEARFW_ABI);
		CHECK(primitive->size == sizeof(*primitive));
		CHECK(primitive->instruction && primitive->zero);
		CHECK(primitive_by_name(primitive->name) == primitive);
	}
	CHECK(!primitive_at(-1));
	CHECK(!primitive_by_name("no such primitive"));
}

static void test_the_portable_primitives_are_supported_everywhere(void)
{
	CHECK(primitive_is_supported(primitive_by_name("memset")));
	CHECK(primitive_is_supported(primitive_by_name("generic")));
}

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

#if defined(__x86_64__)
static const char *const kernel_choices[] = { "stosb", "stosq", "movq", NULL };
static const char *const weakly_ordered[] = { "movnti", "nt256", "nt512", "movdir64b", "clzero", NULL };
#elif defined(__aarch64__)
static const char *const kernel_choices[] = { "dczva", "generic", NULL };
static const char *const weakly_ordered[] = { NULL };
#elif defined(__s390x__)
static const char *const kernel_choices[] = { "xc", NULL };
static const char *const weakly_ordered[] = { NULL };
#else
static const char *const kernel_choices[] = { "generic", NULL };
static const char *const weakly_ordered[] = { NULL };
#endif

static void test_the_kernel_choice_is_the_architectures_and_runs_here(void)
{
	const struct clearfw_primitive *primitive = primitive_by_name("kernel");

	CHECK(primitive);
	printf("kernel: %s\n", primitive->name);
	CHECK(is_one_of(primitive->name, kernel_choices));
	CHECK(primitive_is_supported(primitive));
}

static void test_weakly_ordered_primitives_and_no_others_bring_a_fence(void)
{
	const struct clearfw_primitive *primitive;

	for (const char *const *name = weakly_ordered; *name; name++)
		CHECK(primitive_by_name(*name));
	for (int i = 0; (primitive = primitive_at(i)); i++)
		CHECK(!!primitive->fence == is_one_of(primitive->name, weakly_ordered));
}

/* Every length and start that differ modulo a word and a line; the byte before and after stay. */
static void test_dirty_fills_exactly_what_was_asked(void)
{
	uint8_t buffer[256];

	for (size_t start = 1; start <= 9; start++) {
		for (size_t nbytes = 0; nbytes <= 140; nbytes++) {
			memset(buffer, 0, sizeof(buffer));
			primitive_dirty(buffer + start, nbytes, GARBAGE);
			for (size_t i = 0; i < sizeof(buffer); i++)
				CHECK(buffer[i] == (i >= start && i < start + nbytes ? GARBAGE : 0));
		}
	}
}

static void check_found_at(const uint8_t *start, size_t nbytes, uint8_t byte, size_t expected)
{
	size_t where = SIZE_MAX;

	CHECK(!primitive_is_filled(start, nbytes, byte, &where));
	CHECK(where == expected);
}

/* Each single wrong byte is found where it is, and of two the first; those outside do not count. */
static void test_is_filled_finds_the_first_byte_that_differs(void)
{
	const size_t nbytes = 150;
	uint8_t buffer[160];

	for (size_t start = 1; start <= 9; start++) {
		memset(buffer, GARBAGE ^ 0x40, sizeof(buffer));
		memset(buffer + start, GARBAGE, nbytes);
		check_filled(buffer + start, nbytes, GARBAGE);
		for (size_t i = 0; i < nbytes; i++) {
			buffer[start + i] ^= 0x40;
			check_found_at(buffer + start, nbytes, GARBAGE, i);
			check_found_at(buffer + start, i + 1, GARBAGE, i);
			check_filled(buffer + start, i, GARBAGE);
			buffer[start + nbytes - 1] = 0;
			check_found_at(buffer + start, nbytes, GARBAGE, i);
			buffer[start + nbytes - 1] = GARBAGE;
			buffer[start + i] = GARBAGE;
		}
	}
}

static void test_is_filled_reads_nothing_beyond_the_end(void)
{
	struct window w = window_create(4096, 4096);

	for (size_t nbytes = 0; nbytes <= 130; nbytes++)
		check_filled(w.start + w.nbytes - nbytes, nbytes, 0);
	window_destroy(&w);
}

int main(void)
{
	test_is_filled_finds_the_first_byte_that_differs();
	test_is_filled_reads_nothing_beyond_the_end();
	test_dirty_fills_exactly_what_was_asked();
	test_every_primitive_is_complete_and_found_by_its_name();
	test_the_portable_primitives_are_supported_everywhere();
	test_the_kernel_choice_is_the_architectures_and_runs_here();
	test_weakly_ordered_primitives_and_no_others_bring_a_fence();
	test_every_primitive_clears_whole_pages_and_no_more();
	return 0;
}
