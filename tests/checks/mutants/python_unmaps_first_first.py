# killed by: highmem_mapped
"""Two pages mapped at a time, the older unmapped first."""

from clearfw import kernel
from clearfw.hookspecs import hookimpl


class Strategy:
    name = "python_unmaps_first_first"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        every = list(pages)
        kernel.kasan_disable_current()
        for two in zip(every[::2], every[1::2], strict=False):
            addresses = [kernel.kmap_local_page(page) for page in two]
            for address in addresses:
                kernel.clear_page(kernel.kasan_reset_tag(address))
                kernel.kunmap_local(address)
        if len(every) % 2:
            kernel.clear_highpage_kasan_tagged(every[-1])
        kernel.kasan_enable_current()
        return True
