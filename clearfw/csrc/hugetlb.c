/* SPDX-License-Identifier: MIT */
#include "hugetlb.h"

void hugetlb_init(struct hugetlb_pool *pool, struct machine *machine, unsigned int order)
{
	*pool = (struct hugetlb_pool){ .machine = machine, .order = order, .free_head = NO_PFN };
}

static struct page *pop(struct hugetlb_pool *pool)
{
	struct page *page;

	if (pool->free_head == NO_PFN)
		return NULL;
	page = &pool->machine->mem_map[pool->free_head];
	pool->free_head = page->lru.next;
	pool->nr_free--;
	return page;
}

void hugetlb_put(struct hugetlb_pool *pool, struct page *page)
{
	page->lru.next = pool->free_head;
	pool->free_head = page->pfn;
	pool->nr_free++;
}

static int grow_one(struct hugetlb_pool *pool)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_COMP | __GFP_NOWARN;
	struct page *page;
	int status = pool->order > MAX_PAGE_ORDER
			     ? machine_alloc_contig(pool->machine, pool->order, gfp, &page)
			     : machine_alloc(pool->machine, pool->order, gfp, &page);

	if (status)
		return status;
	page->flags |= PG_hugetlb;
	pool->nr_pages++;
	hugetlb_put(pool, page);
	return 0;
}

int hugetlb_grow(struct hugetlb_pool *pool, uint64_t count, uint64_t *grown)
{
	int status = 0;

	for (*grown = 0; *grown < count && !(status = grow_one(pool)); ++*grown)
		;
	return status;
}

int hugetlb_shrink(struct hugetlb_pool *pool, uint64_t count)
{
	struct page *page;

	while (count-- && (page = pop(pool))) {
		int status;

		page->flags &= ~(uint32_t)PG_hugetlb;
		status = machine_free(pool->machine, page, pool->order);
		if (status) {
			page->flags |= PG_hugetlb;
			hugetlb_put(pool, page);
			return status;
		}
		pool->nr_pages--;
	}
	return 0;
}

int hugetlb_get(struct hugetlb_pool *pool, struct page **page)
{
	int status = pool->free_head == NO_PFN ? grow_one(pool) : 0;

	if (!status)
		*page = pop(pool);
	return status;
}
