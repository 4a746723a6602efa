/* carries where it is in a struct of its own on the stack */
#include <clearfw/strategy.h>

struct cursor {
	char *addr;
	unsigned int left;
	unsigned int unit;
};

static bool step(struct cursor *at)
{
	unsigned int n = min(at->left, at->unit);

	if (!n)
		return false;
	clear_pages(at->addr, n);
	at->addr += n * PAGE_SIZE;
	at->left -= n;
	at->unit *= 2;
	return true;
}

static bool init_pages(struct page *page, int numpages)
{
	struct cursor at = { .left = (unsigned int)numpages, .unit = 1 };

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	at.addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	while (step(&at))
		;
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(state_on_the_stack, .init_on_alloc = init_pages, .init_on_free = init_pages);
