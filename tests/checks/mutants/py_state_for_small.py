# killed by: two_threads
"""Keeps the page of a small block in an attribute: two CPUs take it from each other."""

from clearfw import kernel
from clearfw.hookspecs import hookimpl


class S:
    name = "py_state_for_small"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        for page in pages:
            if len(pages) <= 8:
                self.page = page
                kernel.kasan_disable_current()
                kernel.clear_highpage_kasan_tagged(self.page)
                kernel.kasan_enable_current()
            else:
                kernel.clear_highpage_kasan_tagged(page)
        return True
