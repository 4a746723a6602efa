# a prototype: frees of 512 pages and more only, from the last page to the first

from clearfw import kernel
from clearfw.hookspecs import hookimpl


class HugeOnlyBackwards:
    name = "py_huge_only_backwards"

    @hookimpl
    def clearfw_init_on_free(self, pages):
        if len(pages) < 512:
            return None
        kernel.kasan_disable_current()
        for page in reversed(list(pages)):
            kernel.clear_highpage_kasan_tagged(page)
        kernel.kasan_enable_current()
        return True
