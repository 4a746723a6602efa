/* SPDX-License-Identifier: MIT */
#include "mm/buddy.h"

static struct page *page_at(const struct zone *zone, uint32_t pfn)
{
	return &zone->mem_map[pfn];
}

static void list_add(struct zone *zone, struct page *page, unsigned int order)
{
	struct free_area *area = &zone->free_area[order];

	page->flags |= PG_buddy;
	page->order = (uint8_t)order;
	page->lru.prev = NO_PFN;
	page->lru.next = area->head;
	if (area->head != NO_PFN)
		page_at(zone, area->head)->lru.prev = page->pfn;
	area->head = page->pfn;
	area->nr_free++;
}

static void list_del(struct zone *zone, struct page *page, unsigned int order)
{
	struct free_area *area = &zone->free_area[order];

	if (page->lru.prev == NO_PFN)
		area->head = page->lru.next;
	else
		page_at(zone, page->lru.prev)->lru.next = page->lru.next;
	if (page->lru.next != NO_PFN)
		page_at(zone, page->lru.next)->lru.prev = page->lru.prev;
	page->flags &= ~PG_buddy;
	area->nr_free--;
}

/* mm/page_alloc.c:expand, 7.3: gives back the upper halves of a block until ORDER is left. */
static void expand(struct zone *zone, struct page *page, unsigned int order, unsigned int high)
{
	while (high > order) {
		high--;
		list_add(zone, page + (1u << high), high);
	}
}

struct page *buddy_alloc(struct zone *zone, unsigned int order)
{
	for (unsigned int high = order; high < NR_PAGE_ORDERS; high++) {
		struct page *page;

		if (zone->free_area[high].head == NO_PFN)
			continue;
		page = page_at(zone, zone->free_area[high].head);
		list_del(zone, page, high);
		expand(zone, page, order, high);
		zone->nr_free -= 1u << order;
		return page;
	}
	return NULL;
}

/* The buddy of a block, where the whole of it lies in the zone and is free at this order. */
static struct page *free_buddy(struct zone *zone, uint32_t pfn, unsigned int order)
{
	uint32_t buddy_pfn = pfn ^ (1u << order);
	struct page *buddy;

	if (buddy_pfn < zone->start_pfn || (uint64_t)buddy_pfn + (1u << order) > zone->end_pfn)
		return NULL;
	buddy = page_at(zone, buddy_pfn);
	return buddy->flags & PG_buddy && buddy->order == order ? buddy : NULL;
}

/* mm/page_alloc.c:__free_one_page, 7.3. */
void buddy_free(struct zone *zone, struct page *page, unsigned int order)
{
	uint32_t pfn = page->pfn;
	struct page *buddy;

	zone->nr_free += 1u << order;
	while (order < MAX_PAGE_ORDER && (buddy = free_buddy(zone, pfn, order))) {
		list_del(zone, buddy, order);
		pfn &= ~(1u << order);
		order++;
	}
	list_add(zone, page_at(zone, pfn), order);
}

void buddy_init(struct zone *zone, enum clearfw_zone_type type, struct page *mem_map, uint32_t start_pfn,
		uint32_t end_pfn)
{
	uint32_t pfn = start_pfn;

	*zone = (struct zone){
		.type = type,
		.mem_map = mem_map,
		.start_pfn = start_pfn,
		.end_pfn = end_pfn,
	};
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		zone->free_area[order].head = NO_PFN;
	/* mm/memblock.c:__free_pages_memory, 7.3: the largest aligned blocks that fit. */
	while (pfn < end_pfn) {
		unsigned int order = pfn ? (unsigned int)__builtin_ctz(pfn) : MAX_PAGE_ORDER;

		if (order > MAX_PAGE_ORDER)
			order = MAX_PAGE_ORDER;
		while ((uint64_t)pfn + (1u << order) > end_pfn)
			order--;
		buddy_free(zone, page_at(zone, pfn), order);
		pfn += 1u << order;
	}
}

bool buddy_take_range(struct zone *zone, uint32_t pfn, uint32_t npages)
{
	const uint32_t step = 1u << MAX_PAGE_ORDER;

	/* What is free and aligned to the largest order has merged into blocks of that order. */
	for (uint32_t at = pfn; at < pfn + npages; at += step)
		if (!(page_at(zone, at)->flags & PG_buddy) || page_at(zone, at)->order != MAX_PAGE_ORDER)
			return false;
	for (uint32_t at = pfn; at < pfn + npages; at += step)
		list_del(zone, page_at(zone, at), MAX_PAGE_ORDER);
	zone->nr_free -= npages;
	return true;
}

static const char *free_block_is_valid(struct zone *zone, struct page *page, unsigned int order)
{
	if (!(page->flags & PG_buddy) || page->flags & (PG_pcp | PG_head | PG_tail))
		return "a block on a free list is not marked free in the buddy";
	if (page->order != order)
		return "a block's order is not its list's";
	if (page->pfn & ((1u << order) - 1))
		return "a block is not aligned to its order";
	if (page->pfn < zone->start_pfn || (uint64_t)page->pfn + (1u << order) > zone->end_pfn)
		return "a block leaves its zone";
	for (uint32_t i = 1; i < 1u << order; i++)
		if (page[i].flags & (PG_buddy | PG_pcp | PG_head))
			return "a block lies inside a free block";
	if (order < MAX_PAGE_ORDER && free_buddy(zone, page->pfn, order))
		return "two free buddies were not merged";
	return NULL;
}

static const char *zone_is_valid(struct zone *zone)
{
	uint64_t free_pages = 0;

	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		uint64_t nr = 0;
		uint32_t prev = NO_PFN;

		for (uint32_t pfn = zone->free_area[order].head; pfn != NO_PFN;) {
			struct page *page = page_at(zone, pfn);
			const char *wrong = free_block_is_valid(zone, page, order);

			if (wrong)
				return wrong;
			if (page->lru.prev != prev)
				return "a free list is not linked back";
			prev = pfn;
			pfn = page->lru.next;
			nr++;
		}
		if (nr != zone->free_area[order].nr_free)
			return "a free list's count is wrong";
		free_pages += nr << order;
	}
	return free_pages == zone->nr_free ? NULL : "the zone's count of free pages is wrong";
}

const char *buddy_is_valid(struct zone *zone)
{
	const char *wrong;

	clearfw_lock(&zone->lock);
	wrong = zone_is_valid(zone);
	clearfw_unlock(&zone->lock);
	return wrong;
}
