/* killed by: visible_on_return, where the CPU shows it
 * Non-temporal stores of its own, and no sfence.
 */
#include <clearfw/strategy.h>

static void zero(u64 *word)
{
	for (u64 *end = word + PAGE_SIZE / sizeof(*word); word < end; word++)
#ifdef CONFIG_X86_64
		__asm__ volatile("movnti %1, %0" : "=m"(*word) : "r"(0ul));
#else
		*(volatile u64 *)word = 0;
#endif
}

static void kernel_init_pages(struct page *page, int numpages)
{
	struct page *end = page + numpages;

	kasan_disable_current();
	for (; page < end; page++) {
		void *kaddr = kmap_local_page(page);

		zero(kasan_reset_tag(kaddr));
		kunmap_local(kaddr);
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(unfenced_own_stores, .kernel_init_pages = kernel_init_pages);
