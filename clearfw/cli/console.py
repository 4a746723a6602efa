"""Where tables go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment

from clearfw.cli.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable


class HarmlessConsole(Console):
    """A console that prints nothing but text, and the styles that are its own."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(
            one if one.control else Segment(harmless(one.text), one.style) for one in buffer
        )


def console(*, to_stderr: bool, soft_wrap: bool = False) -> Console:
    """Return a console whose progress bars are for terminals."""
    # FORCE_COLOR, as CI systems set it, asks for colours in a log, and not for progress bars.
    interactive = None if os.isatty(2 if to_stderr else 1) else False
    # Names and messages are printed as they are, brackets and all.
    return HarmlessConsole(
        stderr=to_stderr,
        markup=False,
        emoji=False,
        highlight=False,
        force_interactive=interactive,
        soft_wrap=soft_wrap,
    )
