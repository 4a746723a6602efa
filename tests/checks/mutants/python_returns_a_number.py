# killed by: passed_on_untouched
"""Returns how many pages it cleared, which is not True."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonReturnsANumber:
    """The mutant."""

    name = "python_returns_a_number"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
        return pages.npages
