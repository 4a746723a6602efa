/* one call for each set bit of the count, the largest first */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (unsigned int bit = 1U << 30; bit; bit >>= 1) {
		if (!((unsigned int)numpages & bit))
			continue;
		clear_pages(addr, bit);
		addr += bit * PAGE_SIZE;
	}
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(powers_of_two, .init_on_alloc = init_pages, .init_on_free = init_pages);
