# killed by: zero_on_alloc
"""range(npages - 1), as if the end were included."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonSkipsLastPage:
    """The mutant."""

    name = "python_skips_last_page"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        for index, page in enumerate(pages):
            if index < pages.npages - 1:
                kernel.clear_highpage_kasan_tagged(page)
        return True
