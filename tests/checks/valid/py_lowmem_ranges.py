# a prototype: lowmem by one call, HIGHMEM passed on, and the last page once more to have it in the cache

from clearfw import kernel
from clearfw.hookspecs import hookimpl


class LowmemRanges:
    name = "py_lowmem_ranges"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        first = next(iter(pages), None)
        if first is None:
            return True
        if kernel.PageHighMem(first):
            return None
        kernel.kasan_disable_current()
        *_, last = pages
        kernel.clear_pages(kernel.kasan_reset_tag(kernel.page_address(first)), len(pages))
        kernel.clear_page(kernel.kasan_reset_tag(kernel.page_address(last)))
        kernel.kasan_enable_current()
        return True
