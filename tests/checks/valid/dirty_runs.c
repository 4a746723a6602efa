/* notes the dirty pages of each 64 in a bit mask, then clears each run of them by one call */
#include <clearfw/strategy.h>

static bool is_dirty(const char *at)
{
	for (unsigned long i = 0; i < PAGE_SIZE; i += sizeof(u64))
		if (*(const volatile u64 *)(at + i))
			return true;
	return false;
}

static void clear_dirty(char *addr, int n)
{
	u64 dirty = 0;

	for (int i = 0; i < n; i++)
		if (is_dirty(addr + i * PAGE_SIZE))
			dirty |= 1ULL << i;
	while (dirty) {
		int first = __builtin_ctzll(dirty), length = 0;

		while (first + length < n && (dirty >> (first + length) & 1)) {
			dirty &= ~(1ULL << (first + length));
			length++;
		}
		clear_pages(addr + first * PAGE_SIZE, (unsigned int)length);
	}
}

static bool init_pages(struct page *page, int numpages)
{
	char *addr;

	if (IS_ENABLED(CONFIG_HIGHMEM))
		return false;
	addr = kasan_reset_tag(page_address(page));
	kasan_disable_current();
	for (int i = 0; i < numpages; i += 64)
		clear_dirty(addr + i * PAGE_SIZE, min(numpages - i, 64));
	kasan_enable_current();
	return true;
}

CLEARFW_STRATEGY(dirty_runs, .init_on_alloc = init_pages, .init_on_free = init_pages);
