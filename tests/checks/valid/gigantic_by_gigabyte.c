/* blocks above 1 GiB by units of 1 GiB, all others by one call */
#include <clearfw/strategy.h>

#define GIGABYTE ((1UL << 30) >> PAGE_SHIFT)

static bool init_pages(struct page *page, int numpages)
{
	unsigned long left = (unsigned long)numpages;
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (; left > GIGABYTE; left -= GIGABYTE, addr += GIGABYTE << PAGE_SHIFT)
		clear_pages(addr, GIGABYTE);
	if (left)
		clear_pages(addr, (unsigned int)left);
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(gigantic_by_gigabyte, .init_on_alloc = init_pages, .init_on_free = init_pages);
