# killed by: zero_on_free
"""Integer division of a large count, for halves of which the second is forgotten."""

from clearfw import kernel
from clearfw.hookspecs import hookimpl


class Strategy:
    name = "python_half_of_large"

    @hookimpl
    def clearfw_init_on_free(self, pages):
        kernel.kasan_disable_current()
        for index, page in enumerate(pages):
            if len(pages) < 300 or index < len(pages) // 2:
                kernel.clear_highpage_kasan_tagged(page)
        kernel.kasan_enable_current()
        return True
