"""The site: it builds without a warning, every link leads somewhere, and nothing comes from the network."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.browser import complaints, needs_browser, served, show, started

from clearfw import hookspecs
from clearfw.cli.group import cli

if TYPE_CHECKING:
    import types

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def maker() -> types.ModuleType:
    """The script behind `make site`."""
    spec = importlib.util.spec_from_file_location("site_maker", ROOT / "docs" / "site.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make site` builds it."""
    directory = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, ROOT / "docs" / "site.py", directory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def test_every_page_of_the_documentation_is_in_the_site(site: Path) -> None:
    """Each Markdown file is a page, and the first page leads to all."""
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    first = (site / "index.html").read_text()

    assert [str(page) for page in pages if not (site / page).exists()] == []
    assert [str(page) for page in pages if str(page) != "index.html" and f'href="{page}"' not in first] == []


def test_the_history_is_in_the_site(site: Path) -> None:
    """Its pages have their scripts beside them, and each page of the site leads there."""
    assert "https://" not in "".join((site / "asv/index.html").read_text().partition("<body")[0].split())
    assert 'href="../asv/index.html"' in (site / "explanation/story.html").read_text()


def test_the_help_of_every_command_is_in_the_site(site: Path) -> None:
    """With each of its options."""
    text = (site / "reference/command-help.html").read_text()
    options = {
        f"cmdoption-clearfw-{name}-{opt.lstrip('-')}"
        for name, command in cli.commands.items()
        for one in command.params
        for opt in one.opts[:1]
        if opt.startswith("-")
    }

    assert options
    assert [one for one in options if one not in text] == []


def test_what_clearfw_offers_is_in_the_site() -> None:
    """Each name of `import clearfw`, but for the errors, which have a page of their own."""
    import clearfw

    text = (ROOT / "docs/reference/python.md").read_text()

    assert [name for name in clearfw.__all__ if f"clearfw.{name}\n" not in text] == ["ClearfwError"]


def test_the_signature_of_every_hook_is_in_the_site(site: Path) -> None:
    """As its specification has it, with types."""
    text = (site / "reference/hooks.html").read_text()

    for owner in (hookspecs.InitPoints, hookspecs.Registry):
        for name, function in vars(owner).items():
            if name.startswith("clearfw_"):
                assert f'id="clearfw.hookspecs.{owner.__name__}.{name}"' in text
                assert inspect.signature(function).return_annotation.split("[")[0].split(" ")[0] in text


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ('<a href="nowhere.html">', "index.html links to nowhere.html, which is not there"),
        ('<a href="#nowhere">', "index.html links to #nowhere, which is not there"),
        ('<a href="sub/">', "index.html links to sub/, which is not there"),
        ('<script src="https://elsewhere.example/a.js">', "index.html loads https://elsewhere.example/a.js"),
        ('<img src="gone.png">', "index.html links to gone.png, which is not there"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(
    maker: types.ModuleType, page: str, said: str, tmp_path: Path
) -> None:
    """And so is what would be loaded from the network; a link to elsewhere is no problem."""
    (tmp_path / "index.html").write_text(
        f'<p id="here"><a href="#here"><a href="https://elsewhere.example/">{page}'
    )

    assert maker.problems(tmp_path) == [said]


def test_an_asv_that_loads_something_new_is_refused(maker: types.ModuleType, tmp_path: Path) -> None:
    """The line names what is missing."""
    script = '<script src="https://elsewhere.example/new.min.js" integrity="sha256-x"></script>'
    (tmp_path / "index.html").write_text(script)

    with pytest.raises(ValueError, match=r"the pages of asv want new\.min\.js"):
        maker.detach(tmp_path)


@needs_browser
def test_the_pages_work_in_a_browser(site: Path, tmp_path: Path) -> None:
    """Neither the documentation nor the history makes the browser complain."""
    with served(site) as address, started(tmp_path) as driver:
        for page in ("index.html", "explanation/story.html", "reference/python.html", "asv/index.html"):
            show(driver, f"{address}/{page}")
            driver.implicitly_wait(5)

            assert driver.find_elements("css selector", "h1, .navbar")
            assert complaints(driver) == [], page
