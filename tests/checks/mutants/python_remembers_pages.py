# killed by: zero_on_alloc
"""Remembers which pages it has cleared, and does not clear them again."""

from clearfw import kernel
from clearfw.markers import hookimpl


class PythonRemembersPages:
    """The mutant."""

    name = "python_remembers_pages"

    def __init__(self):
        self.cleared = set()

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        """Clear, wrongly."""
        for page in pages:
            if page.pfn not in self.cleared:
                kernel.clear_highpage_kasan_tagged(page)
            self.cleared.add(page.pfn)
        return True
