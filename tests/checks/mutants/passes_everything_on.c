/* killed by: claims_something, only
 * A condition that never holds: it never clears anything.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	(void)page;
	return numpages < 0;
}

CLEARFW_STRATEGY(passes_everything_on, .init_on_alloc = init_pages, .init_on_free = init_pages);
