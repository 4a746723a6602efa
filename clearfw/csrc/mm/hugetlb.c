/* SPDX-License-Identifier: MIT */

#include "mm/hugetlb.h"

#include "mm/gfp.h"
#include "mm/page_contig.h"

void hugetlb_init(struct hugetlb_pool *pool, struct machine *machine, unsigned int order)
{
	*pool = (struct hugetlb_pool){ .machine = machine, .order = order, .free_head = NO_PFN };
}

static struct page *pop(struct hugetlb_pool *pool)
{
	struct page *page = NULL;

	clearfw_lock(&pool->lock);
	if (pool->free_head != NO_PFN) {
		page = &pool->machine->mem_map[pool->free_head];
		pool->free_head = page->lru.next;
		pool->nr_free--;
	}
	clearfw_unlock(&pool->lock);
	return page;
}

void hugetlb_put(struct hugetlb_pool *pool, struct page *page)
{
	clearfw_lock(&pool->lock);
	page->lru.next = pool->free_head;
	pool->free_head = page->pfn;
	pool->nr_free++;
	clearfw_unlock(&pool->lock);
}

static void count_pages(struct hugetlb_pool *pool, int more)
{
	clearfw_lock(&pool->lock);
	pool->nr_pages += (uint64_t)more;
	clearfw_unlock(&pool->lock);
}

static int alloc_fresh(struct hugetlb_pool *pool, struct page **page)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_COMP | __GFP_NOWARN;
	int status = pool->order > MAX_PAGE_ORDER ? machine_alloc_contig(pool->machine, pool->order, gfp, page)
						  : machine_alloc(pool->machine, pool->order, gfp, page);

	if (status)
		return status;
	(*page)->flags |= PG_hugetlb;
	count_pages(pool, 1);
	return 0;
}

static int grow_one(struct hugetlb_pool *pool)
{
	struct page *page;
	int status = alloc_fresh(pool, &page);

	if (!status)
		hugetlb_put(pool, page);
	return status;
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
		count_pages(pool, -1);
	}
	return 0;
}

int hugetlb_get(struct hugetlb_pool *pool, struct page **page)
{
	*page = pop(pool);
	return *page ? 0 : alloc_fresh(pool, page);
}
