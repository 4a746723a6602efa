"""The report in a real browser: on a desk and on a phone, light and dark, by mouse and by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from support.browser import DESK, PHONE, complaints, needs_browser, show, started

from clearfw.reports.html import page
from clearfw.results import bench as results_bench
from clearfw.results import document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

pytestmark = needs_browser

# What WCAG 2.2 (AA) asks of text, and of parts of pictures.
TEXT_CONTRAST, PICTURE_CONTRAST = 4.5, 3.0
# The contrast of each text, and of each part of a picture in a colour of a series, with what is behind it.
CONTRASTS = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = (colour) => {
  const [r, g, b] = parse(colour).map(channel);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
};
const behind = (node) => {
  for (let one = node; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (parse(colour).length < 4) return colour;
  }
  return "rgb(255, 255, 255)";
};
const hasText = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
const counts = (node) => node.closest("svg")
  ? node.matches("text, [style*='series-']") && !node.closest("defs")
  : hasText(node) && node.checkVisibility();
const colour = (node, style) => !node.closest("svg") ? style.color
  : node.style.stroke ? style.stroke : style.fill;
return [...document.querySelectorAll("body *:not(script)")].filter(counts).map((node) => [
  node.matches("svg :not(text)") ? "picture" : "text",
  node.textContent.trim() || node.id,
  contrast(colour(node, getComputedStyle(node)), behind(node)),
]);
"""
CELLS = """
const [table, column] = arguments;
const rows = [...document.querySelectorAll("table")[table].tBodies[0].rows];
return rows.map((row) => row.cells[column].innerText);
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for all of these tests."""
    with started(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def url(saved: dict[str, dict[str, Any]], tmp_path: Path) -> str:
    """The address of a page of every schema; its bench has three orders and latencies."""
    every = [document.parse(raw, f"{name}.json") for name, raw in saved.items()]
    bench = every[0].content
    latency = results_bench.SavedLatency(300, 5_000, 90_000)
    rows = [attrs.evolve(row, order=order, latency=latency) for order in (0, 3, 9) for row in bench.results]
    orders = attrs.evolve(every[0], content=attrs.evolve(bench, results=tuple(rows)))
    path = tmp_path / "page.html"
    path.write_text(page([*every, orders], "Every schema"), encoding="utf-8")
    return path.as_uri()


def cells(driver: Chrome, table: int, column: int) -> list[str]:
    """Return the cells of a column of a table, in order."""
    found: list[str] = driver.execute_script(CELLS, table, column)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_it_renders_without_a_complaint(driver: Chrome, url: str, theme: str, width: int) -> None:
    """Nothing fails, nothing is loaded, and the page is no wider than the screen."""
    show(driver, url, width=width, theme=theme)

    assert complaints(driver) == []
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read(driver: Chrome, url: str, theme: str) -> None:
    """Each text, and each bar and curve, has contrast enough with what is behind it."""
    show(driver, url, theme=theme)

    found = driver.execute_script(CONTRASTS)
    least = {"text": TEXT_CONTRAST, "picture": PICTURE_CONTRAST}

    assert {kind for kind, *_ in found} == {"text", "picture"}
    assert [one for one in found if one[2] < least[one[0]]] == []


def test_dark_is_dark(driver: Chrome, url: str) -> None:
    """The theme is the reader's."""
    colours = []
    for theme in ("light", "dark"):
        show(driver, url, theme=theme)
        colours.append(driver.execute_script("return getComputedStyle(document.body).backgroundColor"))

    assert colours == ["rgb(255, 255, 255)", "rgb(18, 22, 29)"]


def test_a_table_is_sorted_by_a_click_and_turned_by_the_next(driver: Chrome, url: str) -> None:
    """By value, not by text; and the head says how."""
    show(driver, url)
    head = driver.find_elements("css selector", "table")[0].find_elements("css selector", "th")[3]
    assert head.text.startswith("ratio")

    head.find_element("tag name", "button").click()
    assert (head.get_attribute("aria-sort"), cells(driver, 0, 3)) == ("ascending", ["1.00", "2.00"])
    head.find_element("tag name", "button").click()
    assert (head.get_attribute("aria-sort"), cells(driver, 0, 3)) == ("descending", ["2.00", "1.00"])


def test_a_table_is_sorted_by_the_keyboard(driver: Chrome, url: str) -> None:
    """A head can be focused, shows it, and takes Enter."""
    from selenium.webdriver import Keys

    show(driver, url)
    button = driver.find_element("css selector", "th button")
    driver.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)

    assert cells(driver, 0, 0) == ["batched", "per_page"]
    assert driver.switch_to.active_element == button
    assert driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_links_lead_to_their_sections(driver: Chrome, url: str) -> None:
    """Each link of the list brings its section to the top."""
    show(driver, url)
    for link in driver.find_elements("css selector", "nav a"):
        target = (link.get_attribute("href") or "").partition("#")[2]
        section = driver.find_element("id", target)

        assert (link.text or "-") in section.text


def test_on_paper_nothing_is_folded(driver: Chrome, url: str) -> None:
    """What each run was measured on is printed, in dark ink."""
    show(driver, url, theme="dark")
    driver.execute_script("dispatchEvent(new Event('beforeprint'))")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    folded = driver.execute_script("return document.querySelectorAll('details:not([open])').length")
    ink = driver.execute_script("return getComputedStyle(document.body).color")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (folded, ink) == (0, "rgb(27, 35, 48)")
