/* SPDX-License-Identifier: MIT */
/* Per-CPU page lists (mm/page_alloc.c: struct per_cpu_pages, 7.3): a cache before the buddy. */
#ifndef CLEARFW_PCP_H
#define CLEARFW_PCP_H

#include "mm/buddy.h"

/* Orders 0 to PAGE_ALLOC_COSTLY_ORDER and the THP order, as pcp_allowed_order(). */
#define PCP_COSTLY_ORDER 3
#define PCP_THP_ORDER 9
#define NR_PCP_LISTS (PCP_COSTLY_ORDER + 2)

struct pcp {
	uint32_t head[NR_PCP_LISTS];
	uint32_t count; /* pages on all lists */
	uint32_t high; /* free back to the buddy above this many pages */
	uint32_t batch;
};

/* pcp_allowed_order(); THP blocks only where a few of them fit under the high mark. */
static inline bool pcp_allowed(const struct pcp *pcp, unsigned int order)
{
	return order <= PCP_COSTLY_ORDER || (order == PCP_THP_ORDER && pcp->high >= 2u << PCP_THP_ORDER);
}

static inline unsigned int pcp_index(unsigned int order)
{
	return order <= PCP_COSTLY_ORDER ? order : PCP_COSTLY_ORDER + 1;
}

void pcp_init(struct pcp *pcp, const struct zone *zone);

/* Slow halves of alloc and free: refill from, and give back to, the buddy. */
struct page *pcp_refill(struct pcp *pcp, struct zone *zone, unsigned int order);
void pcp_trim(struct pcp *pcp, struct zone *zone, unsigned int order);
void pcp_drain(struct pcp *pcp, struct zone *zone);

static inline struct page *pcp_alloc(struct pcp *pcp, struct zone *zone, unsigned int order)
{
	uint32_t *head = &pcp->head[pcp_index(order)];
	struct page *page;

	if (__builtin_expect(*head == NO_PFN, 0))
		return pcp_refill(pcp, zone, order);
	page = &zone->mem_map[*head];
	*head = page->lru.next;
	pcp->count -= 1u << order;
	page->flags &= ~PG_pcp;
	return page;
}

static inline void pcp_free(struct pcp *pcp, struct zone *zone, struct page *page, unsigned int order)
{
	uint32_t *head = &pcp->head[pcp_index(order)];

	page->flags |= PG_pcp;
	page->order = (uint8_t)order;
	page->lru.next = *head;
	*head = page->pfn;
	pcp->count += 1u << order;
	if (__builtin_expect(pcp->count > pcp->high, 0))
		pcp_trim(pcp, zone, order);
}

/* NULL when the lists agree with the counts and the flags, else what is wrong. */
const char *pcp_is_valid(const struct pcp *pcp, const struct zone *zone);

#endif
