# killed by: atomic_context
"""Allocates a page to work with, inside an init point."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonAllocates:
    """The mutant."""

    name = "python_allocates"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
        if pages.npages > 1:
            pages.machine.alloc_pages()
        return True
