# killed by: kasan_depth_balanced
"""An early return for HIGHMEM, and the guard is not taken back."""

from clearfw import kernel
from clearfw.hookspecs import hookimpl


class Strategy:
    name = "python_keeps_the_guard"

    @hookimpl
    def clearfw_init_on_free(self, pages):
        kernel.kasan_disable_current()
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
            if kernel.PageHighMem(page) and len(pages) == 1:
                return True
        kernel.kasan_enable_current()
        return True
