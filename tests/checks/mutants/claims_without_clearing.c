/* killed by: zero_on_alloc
 * Says that it cleared, and has not.
 */
#include <clearfw/strategy.h>

static bool init_pages(struct page *page, int numpages)
{
	(void)page;
	(void)numpages;
	return true;
}

CLEARFW_STRATEGY(claims_without_clearing, .init_on_alloc = init_pages, .init_on_free = init_pages);
