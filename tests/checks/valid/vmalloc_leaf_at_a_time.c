/* asks for runs of at most a huge leaf, and clears each through the direct map */
#include <clearfw/strategy.h>

#define LEAF (unsigned int)((2UL << 20) >> PAGE_SHIFT)

static bool init_vmalloc(const void *start, unsigned long size)
{
	const char *addr = start;
	unsigned long left = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	while (left) {
		struct page *page;
		unsigned int n = vmalloc_run(addr, (unsigned int)min_t(unsigned long, left, LEAF), &page);

		clear_pages(kasan_reset_tag(page_address(page)), n);
		addr += n * PAGE_SIZE;
		left -= n;
	}
	return true;
}

CLEARFW_STRATEGY(vmalloc_leaf_at_a_time, .init_on_vmalloc = init_vmalloc);
