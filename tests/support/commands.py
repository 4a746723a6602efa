"""What the tests of the command line share: running it, here or in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = ("bench", "--memory", "16M", "--rounds", "2", "--primitive", "stosb")

KERNEL_STYLE = """
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	int i;

	/* s390's use of memset() could override KASAN redzones. */
	kasan_disable_current();
	for (i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(pasted, .kernel_init_pages = kernel_init_pages);
"""

PYTHON = """
from clearfw import hookimpl, kernel

class Mine:
    name = "mine"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        {body}
        kernel.clear_pages(pages.address, pages.npages)
        return True
"""


def in_c(body: str, name: str = "mine") -> str:
    """Return a C file whose strategy does BODY with page and n."""
    function = f"static void f(struct page *page, int n)\n{{\n{body}\n}}\n"
    return f"#include <clearfw/strategy.h>\n{function}CLEARFW_STRATEGY({name}, .kernel_init_pages = f);\n"


@attrs.frozen
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it wrote, all of which must be JSON."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document

    @property
    def line(self) -> str:
        """The one line it left on standard error, with nothing on standard output."""
        assert self.out == ""
        assert re.fullmatch(r"clearfw: [^\n]+\n", self.err), self.err
        return self.err.removeprefix("clearfw: ").rstrip()


Command: TypeAlias = "Callable[..., Done]"


def program(*arguments: object, before: str = "") -> subprocess.Popen[str]:
    """Start the command line in a process of its own, in which BEFORE is run first."""
    code = f"{before}\nfrom clearfw.cli import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def finished(process: subprocess.Popen[str]) -> Done:
    """Wait for a process, in which nothing may end in a traceback."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return Done(process.returncode, out, err)


def wait_for(path: Path) -> None:
    """Wait until PATH exists."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
