/* copies a list in parts of 64, sorts each part by address and clears neighbours together */
#include <clearfw/strategy.h>

#define PART 64

static void sort(struct page **part, int n)
{
	for (int i = 1; i < n; i++) {
		struct page *page = part[i];
		int at = i;

		while (at > 0 && part[at - 1] > page) {
			part[at] = part[at - 1];
			at--;
		}
		part[at] = page;
	}
}

static void clear_part(struct page **part, int n)
{
	for (int first = 0, i = 1; i <= n; i++) {
		if (i < n && part[i] == part[i - 1] + 1)
			continue;
		clear_pages_incoherent(kasan_reset_tag(page_address(part[first])), (unsigned int)(i - first));
		first = i;
	}
}

static bool pass(struct page *page, int numpages)
{
	return false;
}

static bool init_bulk(struct page **pages, int nr)
{
	struct page *part[PART];

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	kasan_disable_current();
	for (int done = 0, n; done < nr; done += n) {
		n = min(nr - done, PART);
		for (int i = 0; i < n; i++)
			part[i] = pages[done + i];
		sort(part, n);
		clear_part(part, n);
	}
	clear_page_make_coherent();
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(sorts_list, .init_on_alloc = pass, .init_on_free = pass, .init_bulk = init_bulk);
