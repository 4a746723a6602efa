"""Skeletons: a new plugin package with all that it needs, from the files in templates/."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shutil
import string
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import PackageError

if TYPE_CHECKING:
    from collections.abc import Collection

TEMPLATES = Path(__file__).parent / "templates"

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", re.ASCII)
_LONGEST = 40  # no line of a template grows beyond what ruff format leaves alone


@attrs.frozen
class Names:
    """Names of a package and its parts.

    Attributes:
        distribution: what pip installs, and the directory.
        package: what Python imports.
        strategy: what `clearfw bench` is given; the prototype's has "_prototype" after it.

    """

    distribution: str
    package: str
    strategy: str

    @property
    def strategies(self) -> tuple[str, str]:
        """The names of both strategies."""
        return self.strategy, f"{self.strategy}_prototype"


def names(name: str, taken: Collection[str]) -> Names:
    """Return the names for a strategy NAME, with or without "clearfw-" before it.

    Raises PackageError where it cannot be one, or is TAKEN.
    """
    name = name.removeprefix("clearfw-")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        msg = (
            f"{name!r} cannot name a package: use a letter first, then small letters and digits, "
            f"with single '-' or '_' between, {_LONGEST} at most, as in two-pass"
        )
        raise PackageError(msg)
    strategy = name.replace("-", "_")
    found = Names(f"clearfw-{strategy.replace('_', '-')}", f"clearfw_{strategy}", strategy)
    for one in found.strategies:
        if one in taken:
            msg = f"a strategy {one!r} is installed already: choose another name, or uninstall that one"
            raise PackageError(msg)
    if importlib.util.find_spec(found.package):
        msg = f"a package {found.package} is installed already: choose another name, or uninstall that one"
        raise PackageError(msg)
    return found


def files(of: Names) -> dict[Path, str]:
    """Return the text of each file of the package, by its path in the package's directory."""
    found = {}
    for template in sorted(TEMPLATES.rglob("*.in")):
        path = str(template.relative_to(TEMPLATES)).removesuffix(".in")
        path = path.replace("PACKAGE", of.package).replace("STRATEGY", of.strategy)
        found[Path(path)] = string.Template(template.read_text()).substitute(
            attrs.asdict(of), requirement=requirement()
        )
    return found


def requirement() -> str:
    """Return what pip takes for this very clearfw, which is on no package index: where it came from."""
    try:
        text = importlib.metadata.distribution("clearfw").read_text("direct_url.json")
        about = json.loads(text or "{}")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return "clearfw"
    if "url" not in about:
        return "clearfw"
    url = about["url"]
    if vcs := about.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"clearfw @ {url}"


def write(of: Names, directory: Path) -> list[Path]:
    """Write the package into DIRECTORY, which must not exist, and return its files, or leave nothing.

    Raises PackageError.
    """
    texts = files(of)
    try:
        directory.mkdir()
    except FileExistsError:
        msg = f"{directory} exists already: remove it, or choose another name"
        raise PackageError(msg) from None
    except OSError as error:
        msg = f"{directory} cannot be created ({error.strerror}): go to a directory that you may write"
        raise PackageError(msg) from error
    try:
        for path, text in texts.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text)
    except BaseException:
        shutil.rmtree(directory)
        raise
    return list(texts)
