/* killed by: zero_on_alloc
 * Halves the block until nothing is left, and half of one page is one page.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	bool done;

	if (!numpages)
		return true;
	done = init_pages(page, (numpages + 1) / 2);
	return init_pages(page + numpages / 2, numpages / 2) && done;
}

CLEARFW_STRATEGY(endless_recursion, .init_on_alloc = init_pages, .init_on_free = init_pages);
