# killed by: zero_on_alloc
"""The address of a HIGHMEM page, which is None."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonNoKmap:
    """The mutant."""

    name = "python_no_kmap"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        kernel.clear_pages(kernel.kasan_reset_tag(pages.address), pages.npages)
        return True
