/* SPDX-License-Identifier: MIT */
#include "mm/pcp.h"

/* zone_batchsize() and, in order of size, zone_highsize() of a desktop's zone (7.3). */
#define PCP_BATCH 63
#define PCP_HIGH 2048

void pcp_init(struct pcp *pcp, const struct zone *zone)
{
	uint32_t managed = zone->end_pfn - zone->start_pfn;
	/* A small zone must not end up on its CPUs' lists. */
	uint32_t high = managed / 64 < PCP_HIGH ? managed / 64 : PCP_HIGH;
	uint32_t batch = high / 6 < PCP_BATCH ? high / 6 : PCP_BATCH;

	*pcp = (struct pcp){ .high = high, .batch = batch ? batch : 1 };
	for (int i = 0; i < NR_PCP_LISTS; i++)
		pcp->head[i] = NO_PFN;
}

static void push(struct pcp *pcp, struct page *page, unsigned int order)
{
	uint32_t *head = &pcp->head[pcp_index(order)];

	page->flags |= PG_pcp;
	page->order = (uint8_t)order;
	page->lru.next = *head;
	*head = page->pfn;
	pcp->count += 1u << order;
}

static struct page *pop(struct pcp *pcp, struct zone *zone, unsigned int order)
{
	uint32_t *head = &pcp->head[pcp_index(order)];
	struct page *page = &zone->mem_map[*head];

	*head = page->lru.next;
	page->flags &= ~PG_pcp;
	pcp->count -= 1u << order;
	return page;
}

/* rmqueue_bulk(): a batch of blocks at once, as nr_pcp_alloc() shrinks it by the order. */
struct page *pcp_refill(struct pcp *pcp, struct zone *zone, unsigned int order)
{
	uint32_t nr = pcp->batch >> order ? pcp->batch >> order : 1;
	uint32_t first = NO_PFN, *tail = &first;
	struct page *page;

	clearfw_lock(&zone->lock);
	page = buddy_alloc(zone, order);
	while (page && --nr) {
		struct page *next = buddy_alloc(zone, order);

		if (!next)
			break;
		/* The blocks to come are mostly the ones above: 3 ns of 16 a page, where mem_map is cold. */
		__builtin_prefetch(next + (24u << order), 1);
		/* In the buddy's own order, so that consecutive pages are handed out consecutively. */
		next->flags |= PG_pcp;
		next->order = (uint8_t)order;
		next->lru.next = NO_PFN;
		*tail = next->pfn;
		tail = &next->lru.next;
		pcp->count += 1u << order;
	}
	clearfw_unlock(&zone->lock);
	pcp->head[pcp_index(order)] = first;
	return page;
}

static void give_back(struct pcp *pcp, struct zone *zone, unsigned int order, uint32_t keep)
{
	clearfw_lock(&zone->lock);
	while (pcp->head[pcp_index(order)] != NO_PFN && pcp->count > keep)
		buddy_free(zone, pop(pcp, zone, order), order);
	clearfw_unlock(&zone->lock);
}

/* free_pcppages_bulk(): from the list that overflowed, keeping its newest page, the cache-hot one. */
void pcp_trim(struct pcp *pcp, struct zone *zone, unsigned int order)
{
	struct page *newest = pop(pcp, zone, order);
	uint32_t keep = pcp->high > pcp->batch ? pcp->high - pcp->batch : 0;

	give_back(pcp, zone, order, keep);
	push(pcp, newest, order);
}

void pcp_drain(struct pcp *pcp, struct zone *zone)
{
	for (unsigned int order = 0; order <= PCP_COSTLY_ORDER; order++)
		give_back(pcp, zone, order, 0);
	give_back(pcp, zone, PCP_THP_ORDER, 0);
}

const char *pcp_is_valid(const struct pcp *pcp, const struct zone *zone)
{
	uint32_t count = 0;

	for (int i = 0; i < NR_PCP_LISTS; i++) {
		unsigned int order = i <= PCP_COSTLY_ORDER ? (unsigned int)i : PCP_THP_ORDER;

		for (uint32_t pfn = pcp->head[i]; pfn != NO_PFN; pfn = zone->mem_map[pfn].lru.next) {
			const struct page *page = &zone->mem_map[pfn];

			if (page->flags & (PG_buddy | PG_head | PG_tail) || !(page->flags & PG_pcp))
				return "a page on a per-CPU list is not marked so";
			if (page->order != order)
				return "a block on a per-CPU list has another order";
			count += 1u << order;
		}
	}
	return count == pcp->count ? NULL : "a per-CPU count is wrong";
}
