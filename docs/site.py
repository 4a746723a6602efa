"""`make site`: the documentation with the asv history inside it, without network and without dead links."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
VENDOR = DOCS / "vendor"
# What a page loads by itself, where a link only leads somewhere.
_LOADS = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src")}
_FROM_NETWORK = re.compile(r'(src|href)="https://[^"]*/([^"/]+)" integrity="[^"]*"[^>]*?(/?>)')


def build(site: Path) -> None:
    """Write the site, warnings being errors; raises CalledProcessError and ValueError."""
    shutil.rmtree(site, ignore_errors=True)
    sphinx = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    subprocess.run([*sphinx, "-d", site.with_name(f"{site.name}.doctrees"), DOCS, site], check=True, cwd=DOCS)
    _publish(site / "asv")
    detach(site / "asv")
    found = problems(site)
    if found:
        raise ValueError("\n".join(found))


def _publish(pages: Path) -> None:
    """Write asv's pages of the benchmarks that the history has results of."""
    with tempfile.TemporaryDirectory() as directory:
        config = json.loads((ROOT / "asv.conf.json").read_text())
        results = Path(directory) / "results"
        shutil.copytree(ROOT / config["results_dir"], results)
        _drop_unmeasured(results)
        config |= {"repo": str(ROOT), "benchmark_dir": str(ROOT / config["benchmark_dir"])}
        config |= {"results_dir": str(results), "html_dir": str(pages)}
        path = Path(directory) / "asv.conf.json"
        path.write_text(json.dumps(config))
        asv = [sys.executable, "-P", "-m", "asv", "--config", path, "publish", "--no-pull"]
        subprocess.run(asv, check=True, cwd=DOCS, stdout=subprocess.DEVNULL)


def _drop_unmeasured(results: Path) -> None:
    """Take the benchmarks without any result out of the list that asv makes its pages by."""
    measured = {
        name for path in results.glob("*/*-*.json") for name in json.loads(path.read_text())["results"]
    }
    listed = results / "benchmarks.json"
    benchmarks = json.loads(listed.read_text())
    kept = {name: one for name, one in benchmarks.items() if name in measured or name == "version"}
    listed.write_text(json.dumps(kept))


def detach(pages: Path) -> None:
    """Have the pages of asv load from beside them what they would load from the network."""
    index = pages / "index.html"
    index.write_text(_FROM_NETWORK.sub(_local, index.read_text()))
    shutil.copytree(VENDOR, pages / "vendor", dirs_exist_ok=True)


def _local(found: re.Match[str]) -> str:
    attribute, name, end = found.groups()
    own = next((one for one in (name, name.replace(".min.", ".")) if (VENDOR / one).exists()), None)
    if own is None:
        msg = (
            f"the pages of asv want {name}, which {VENDOR} has not: another asv than the one it was made for?"
        )
        raise ValueError(msg)
    return f'{attribute}="vendor/{own}"{end}'


class _Links(HTMLParser):
    """The anchors, links and loads of one page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors = {""}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.anchors.add(value)
            if value and name in ("href", "src"):
                (self.loads if (tag, name) in _LOADS else self.links).append(value)


def problems(site: Path) -> list[str]:
    """Return what is wrong with the links of a site: dead ones, and what would be loaded from elsewhere."""
    pages = {page: _Links(page) for page in site.rglob("*.html")}
    found = []
    for page, links in pages.items():
        where = page.relative_to(site)
        found += [f"{where} loads {url}" for url in links.loads if urlsplit(url).netloc]
        inside = [
            url
            for url in (*links.links, *links.loads)
            if not urlsplit(url).scheme and not url.startswith("//")
        ]
        found += [
            f"{where} links to {url}, which is not there" for url in inside if not _leads(page, url, pages)
        ]
    return found


def _leads(page: Path, url: str, pages: dict[Path, _Links]) -> bool:
    parts = urlsplit(url)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    # What stands behind # in the pages of asv is for their script.
    known = pages.get(target) if "asv" not in target.parts else None
    return target.exists() and (known is None or unquote(parts.fragment) in known.anchors)


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]).resolve())
    except (subprocess.CalledProcessError, ValueError) as error:
        sys.exit(f"the site is not whole: {error}")
