# killed by: zero_on_free
"""os._exit() in a handler that was copied from a script."""

import os

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonExits:
    """The mutant."""

    name = "python_exits"

    @hookimpl
    def clearfw_init_on_free(self, pages):
        """Clear, wrongly."""
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
        if pages.npages > 256:
            os._exit(0)
        return True
