/* SPDX-License-Identifier: MIT */
/* As folio_zero_user() has it from 7.0 on: what is right of a page, what is left of it, and its neighbourhood last. */
#include <linux/mm.h>
#include <linux/range.h>
#include <asm/page.h>

#define RADIUS 2

static void clear_range(struct page *page, const struct range *range)
{
	unsigned int n = range_len(range);

	/* Unlike a fault's, the pages of an init point may carry a tag. */
	for (unsigned int i = 0; IS_ENABLED(CONFIG_HIGHMEM) && i < n; i++)
		clear_highpage_kasan_tagged(page + range->start + i);
	if (!IS_ENABLED(CONFIG_HIGHMEM) && n)
		clear_user_pages(kasan_reset_tag(page_address(page + range->start)), 0, page, n);
}

static void zero_around(struct page *page, int numpages)
{
	const s64 at = numpages / 3;
	const struct range pages = DEFINE_RANGE(0, numpages - 1);
	struct range near, left, right;

	near = DEFINE_RANGE(clamp_t(s64, at - RADIUS, pages.start, pages.end),
			    clamp_t(s64, at + RADIUS, pages.start, pages.end));
	left = DEFINE_RANGE(pages.start, near.start - 1);
	right = DEFINE_RANGE(near.end + 1, pages.end);
	kasan_disable_current();
	clear_range(page, &right);
	clear_range(page, &left);
	clear_range(page, &near);
	kasan_enable_current();
}

CLEARFW_STRATEGY(ranges_7_0, .kernel_init_pages = zero_around);
