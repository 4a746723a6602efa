/* SPDX-License-Identifier: MIT */
#include "mm/free_lists.h"

struct page *rmqueue_buddy(struct zone *zone, unsigned int order)
{
	struct page *page;

	clearfw_lock(&zone->lock);
	page = buddy_alloc(zone, order);
	clearfw_unlock(&zone->lock);
	return page;
}

void free_to_buddy(struct zone *zone, struct page *page, unsigned int order)
{
	clearfw_lock(&zone->lock);
	for (uint32_t i = 0; i < 1u << order; i += 1u << MAX_PAGE_ORDER)
		buddy_free(zone, page + i, order < MAX_PAGE_ORDER ? order : MAX_PAGE_ORDER);
	clearfw_unlock(&zone->lock);
}
