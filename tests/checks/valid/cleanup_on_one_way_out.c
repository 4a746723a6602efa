/* goto out: one way out, which takes the guard back */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	bool done = false;

	kasan_disable_current();
	if (IS_ENABLED(CONFIG_HIGHMEM))
		goto out;
	done = true;
	if (!numpages)
		goto out;
	clear_pages(kasan_reset_tag(page_address(page)), (unsigned int)numpages);
out:
	kasan_enable_current();
	return done;
}

CLEARFW_STRATEGY(cleanup_on_one_way_out, .init_on_alloc = init_pages, .init_on_free = init_pages);
