/* a static const table says for each size how many pages one call clears */
#include <clearfw/strategy.h>

static const struct {
	int upto;
	int unit;
} units[] = {
	{ 1, 1 },
	{ 8, 4 },
	{ 64, 32 },
	{ 512, 128 },
	{ 0x7fffffff, 1024 },
};

static int unit_for(int numpages)
{
	unsigned int i = 0;

	while (numpages > units[i].upto)
		i++;
	return units[i].unit;
}

static bool init_pages(struct page *page, int numpages)
{
	int unit = unit_for(numpages);
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int i = 0; i < numpages; i += unit)
		clear_pages(addr + i * PAGE_SIZE, (unsigned int)min(unit, numpages - i));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(unit_table, .init_on_alloc = init_pages, .init_on_free = init_pages);
