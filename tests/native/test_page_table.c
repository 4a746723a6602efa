/* SPDX-License-Identifier: MIT */
#include "mm/page_table.h"

#include "check.h"

static struct page_table table;

static const char *const start = (const char *)(uintptr_t)0x7f0000000000;

static const char *page_at(size_t nr)
{
	return start + (nr << table.page_shift);
}

static uint32_t walk(size_t nr)
{
	return page_table_walk(&table, page_at(nr));
}

/* Each page size has the levels and bits of its architecture. */
static void test_shape(uint32_t levels)
{
	CHECK(table.levels == levels && table.bits == table.page_shift - 3);
	CHECK(page_table_huge_pages(&table) == 1u << (table.page_shift - 3));
}

/* What was never mapped has no pfn, anywhere in the address space. */
static void test_absent(void)
{
	CHECK(walk(0) == UINT32_MAX);
	CHECK(page_table_walk(&table, NULL) == UINT32_MAX);
	CHECK(page_table_walk(&table, (const void *)(uintptr_t)0x7fffffffffff) == UINT32_MAX);
}

/* A page is found at each of its bytes and leaves its neighbours alone; pfn 0 is a pfn as any other. */
static void test_pages(void)
{
	size_t far = (size_t)5 << (2 * table.bits);

	CHECK(page_table_map(&table, page_at(3), 0, false));
	CHECK(page_table_map(&table, page_at(4), 77, false));
	CHECK(page_table_map(&table, page_at(far), UINT32_MAX - 1, false));
	CHECK(walk(3) == 0 && walk(4) == 77 && walk(far) == UINT32_MAX - 1);
	CHECK(page_table_walk(&table, page_at(5) - 1) == 77);
	CHECK(walk(2) == UINT32_MAX && walk(5) == UINT32_MAX && walk(far + 1) == UINT32_MAX);
	page_table_unmap(&table, page_at(4), (size_t)1 << table.page_shift);
	CHECK(walk(3) == 0 && walk(4) == UINT32_MAX);
	page_table_unmap(&table, start, (far + 1) << table.page_shift);
	CHECK(walk(3) == UINT32_MAX && walk(far) == UINT32_MAX);
}

/* Under a huge leaf each page has the base's pfn plus its offset. */
static void test_huge(void)
{
	uint32_t pages = page_table_huge_pages(&table);

	CHECK(page_table_map(&table, page_at(pages), 4 * pages, true));
	CHECK(walk(pages) == 4 * pages && walk(2 * pages - 1) == 5 * pages - 1);
	CHECK(page_table_walk(&table, page_at(pages + 8) - 1) == 4 * pages + 7);
	CHECK(walk(pages - 1) == UINT32_MAX && walk(2 * pages) == UINT32_MAX);
	page_table_unmap(&table, page_at(pages), (size_t)pages << table.page_shift);
	CHECK(walk(pages) == UINT32_MAX && walk(2 * pages - 1) == UINT32_MAX);
}

/* An address can be mapped by pages, then by a huge leaf, then by pages again. */
static void test_huge_and_pages_in_turn(void)
{
	uint32_t pages = page_table_huge_pages(&table);
	size_t nbytes = (size_t)pages << table.page_shift;

	for (uint32_t i = 0; i < pages; i++)
		CHECK(page_table_map(&table, page_at(i), 1000 + 2 * i, false));
	CHECK(walk(pages - 1) == 1000 + 2 * (pages - 1));
	page_table_unmap(&table, start, nbytes);
	CHECK(page_table_map(&table, start, pages, true) && walk(1) == pages + 1);
	page_table_unmap(&table, start, nbytes);
	CHECK(page_table_map(&table, page_at(1), 9, false) && walk(1) == 9 && walk(0) == UINT32_MAX);
}

/* Unmapping goes over absent ranges and mixed leaves, and stops where it is told. */
static void test_unmap_mixed(void)
{
	uint32_t pages = page_table_huge_pages(&table);

	CHECK(page_table_map(&table, page_at(pages - 1), 5, false));
	CHECK(page_table_map(&table, page_at(pages), pages, true));
	CHECK(page_table_map(&table, page_at(3 * pages), 6, false));
	CHECK(page_table_map(&table, page_at(3 * pages + 1), 7, false));
	page_table_unmap(&table, page_at(pages - 1), (size_t)(2 * pages + 2) << table.page_shift);
	CHECK(walk(pages - 1) == UINT32_MAX && walk(pages + 1) == UINT32_MAX);
	CHECK(walk(3 * pages) == UINT32_MAX && walk(3 * pages + 1) == 7);
	page_table_unmap(&table, start, 0);
}

/* Passing over an absent range goes no further than the end of what is absent. */
static void test_unmap_from_within_an_absent_range(void)
{
	size_t far = (size_t)7 << (2 * table.bits);

	CHECK(page_table_map(&table, page_at(far), 8, false));
	page_table_unmap(&table, page_at(far - 1), (size_t)2 << table.page_shift);
	CHECK(walk(far) == UINT32_MAX);
}

static void test_page_size(uint32_t page_shift, uint32_t levels)
{
	CHECK(page_table_init(&table, page_shift));
	test_shape(levels);
	test_absent();
	test_pages();
	test_huge();
	test_huge_and_pages_in_turn();
	test_unmap_mixed();
	test_unmap_from_within_an_absent_range();
	page_table_deinit(&table);
	page_table_deinit(&table);
}

int main(void)
{
	test_page_size(12, 5);
	test_page_size(14, 4);
	test_page_size(16, 3);
	return 0;
}
