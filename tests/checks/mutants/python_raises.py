# killed by: zero_on_alloc
"""An exception on a way that nobody tried."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonRaises:
    """The mutant."""

    name = "python_raises"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        if pages.npages > 256:
            raise NotImplementedError("too large")
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
        return True
