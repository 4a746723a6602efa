/* killed by: arguments_untouched
 * Notes in page->private that the page is zero.
 */
#include <clearfw/strategy.h>

static void init_vmalloc(const void *start, unsigned long size)
{
	const char *addr = start, *end = addr + size;

	for (; addr < end; addr += PAGE_SIZE) {
		struct page *page = vmalloc_to_page(addr);

		clear_highpage_kasan_tagged(page);
		page->private = 0x2e60;
	}
}

CLEARFW_STRATEGY(vm_marks_struct_page, .init_vmalloc_pages = init_vmalloc);
