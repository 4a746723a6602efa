# killed by: passed_on_untouched
"""Clears and returns nothing, which passes on."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonForgetsToReturn:
    """The mutant."""

    name = "python_forgets_to_return"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
