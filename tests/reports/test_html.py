"""The page: one file that needs nothing else, and has all of what was saved."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from clearfw.reports.html import page
from clearfw.results import document as documents

if TYPE_CHECKING:
    from clearfw.results.document import Document

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Tags(HTMLParser):
    """The elements of a page, their attributes, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep words."""
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of that name."""
        return [given for name, given in self.found if name == tag]


@pytest.fixture
def every(saved: dict[str, dict[str, Any]]) -> list[Document]:
    """A document of each schema."""
    return [documents.parse(raw, f"{name}.json") for name, raw in saved.items()]


@pytest.fixture
def whole(every: list[Document]) -> Tags:
    """The page of all."""
    return Tags(page(every, "All"))


def test_there_is_a_document_of_each_schema(every: list[Document]) -> None:
    """So that the tests below are about all that a report can be made of."""
    assert {document.schema for document in every} == set(documents.MODELS)


def test_the_page_loads_nothing(whole: Tags) -> None:
    """No element names anything outside of the page, and its own rules would forbid to load it."""
    urls = [
        value
        for tag, given in whole.found
        for name, value in given.items()
        if name in {"src", "href", "data", "action", "xlink:href"} and value
    ]
    (policy,) = (given["content"] or "" for given in whole.named("meta") if "http-equiv" in given)

    assert {url for url in urls if not url.startswith("#")} == {"data:,"}
    assert policy.startswith("default-src 'none'; ")


def test_the_policy_allows_the_one_script(every: list[Document]) -> None:
    """The hash in the rules is the script's, and there is no other."""
    text = page(every, "All")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"script-src 'sha256-{digest}'" in text
    assert "onclick" not in text


def test_ids_are_there_once_and_links_find_them(whole: Tags) -> None:
    """Also where several pictures have parts of the same name."""
    ids = [given["id"] for _, given in whole.found if "id" in given]
    links = [str(given["href"])[1:] for given in whole.named("a")]

    assert sorted(set(map(str, ids))) == sorted(map(str, ids))
    assert set(links) <= set(ids)
    assert len(links) == 1 + len(documents.MODELS)


def test_every_picture_is_told_in_words(whole: Tags) -> None:
    """A plot has a description for readers who cannot see it."""
    pictures = [given for _, given in whole.found if given.get("role") == "img"]

    assert len(pictures) == len(whole.named("svg")) == 5
    assert all(len(given["aria-label"] or "") > 20 for given in pictures)


def test_every_table_has_a_caption_and_heads_that_are_buttons(whole: Tags) -> None:
    """The keyboard reaches each head, and a cell says what it is sorted by."""
    assert len(whole.named("caption")) == len(whole.named("table")) > 5
    assert len(whole.named("th")) == len([one for one in whole.named("button") if one["type"] == "button"])
    assert {given["scope"] for given in whole.named("th")} == {"col"}
    assert all("data-value" in given for given in whole.named("td"))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("bench", ["Bench: hugetlb", "2.00", "1.90\N{EN DASH}2.10", "a processor", "batched 0.1.0"]),
        ("check", ["Failed: batched.", "FAIL", "left byte 0 dirty", "post_alloc_hook() hands it out"]),
        ("info", ["Trace: a.trace", "1,536", "The trace is not exact: events were lost, or may have been."]),
        ("replay", ["Replay: a.trace", "-25.0%", "2.000", "1.500", "200 us"]),
        ("size", ["Code size", "+40", "8.5", "mine does not compile for s390x: error: no", "gcc 12"]),
    ],
)
def test_a_section_says_what_was_saved(
    schema: str, said: list[str], saved: dict[str, dict[str, Any]]
) -> None:
    """Each schema has a renderer, and what it must show is there."""
    words = " ".join(Tags(page([documents.parse(saved[schema], "a.json")], "One")).words)

    assert [one for one in said if one not in words] == []


def test_what_was_found_wanting_comes_first(saved: dict[str, dict[str, Any]]) -> None:
    """A dirty strategy is named, and gets neither a figure nor a bar."""
    saved["bench"]["results"][0]["dirty_offset"] = 7

    text = page([documents.parse(saved["bench"], "bench.json")], "One")

    assert "batched (stosb) left memory dirty, first at byte 7 of a sample: it has no figure." in text
    assert "2.00x" not in text


@pytest.mark.parametrize("schema", ["bench", "check", "info", "replay", "size"])
def test_no_text_of_a_document_becomes_markup(schema: str, saved: dict[str, dict[str, Any]]) -> None:
    """Names, reasons and paths are a stranger's, and shown as they are."""

    def hostile(value: Any) -> Any:  # noqa: ANN401  JSON is anything
        if isinstance(value, dict):
            return {key: value[key] if key == "schema" else hostile(value[key]) for key in value}
        if isinstance(value, list):
            return [hostile(one) for one in value]
        return HOSTILE if isinstance(value, str) else value

    tags = Tags(page([documents.parse(hostile(saved[schema]), HOSTILE)], HOSTILE))

    assert len(tags.named("script")) == 1
    assert tags.named("img") == []
    assert any(HOSTILE in one for one in tags.words)


def test_what_must_be_known_to_read_the_figures_is_said(saved: dict[str, dict[str, Any]]) -> None:
    """Few rounds, rounds thrown out, an interrupt, kmaps, two modes, Python, and who was left out."""
    scene, row = saved["bench"]["scenes"][0], saved["bench"]["results"][0]
    scene |= {"rounds": 5, "interrupted": True}
    scene["skipped"] = [{"strategy": "other", "reason": "it passes on here", "broken": False}]
    row |= {"rounds_thrown_out": 1, "modes_gbps": [9.0, 20.0], "interpreted": True}
    row["counters"]["kmaps"] = 4

    text = page([documents.parse(saved["bench"], "bench.json")], "One")

    for said in (
        "Too few rounds for a reliable interval",
        "Dropped rounds, with the roofline below 0.8 of its median: 1.",
        "Interrupted after 5 complete rounds",
        "kmaps are counted, not timed",
        "* batched stosb ran at 9.00 and 20.00 GB/s: the median describes neither.",
        "(interpreted): written in Python, for a prototype; not ranked.",
        "other left out: it passes on here.",
    ):
        assert said in text
    assert "2.00x" not in text


def test_one_document_needs_no_list_of_them(every: list[Document]) -> None:
    """Links to the sections are for pages of several."""
    assert Tags(page(every[:1], "One")).named("nav") == []


def test_the_same_document_twice_is_two_sections(every: list[Document]) -> None:
    """Each with ids of its own."""
    tags = Tags(page([every[0], every[0]], "Twice"))

    ids = [given["id"] for _, given in tags.found if "id" in given]
    assert len(ids) == len(set(ids))
    assert len(tags.named("section")) == 2


def test_strategies_of_one_name_have_a_column_each(every: list[Document]) -> None:
    """Two files may bring the same name."""
    (document,) = (one for one in every if one.schema == "clearfw.check/1")
    verdict = document.content.results[0]
    twice = attrs.evolve(document, content=attrs.evolve(document.content, results=(verdict, verdict)))

    assert "batched (2)" in "".join(Tags(page([twice], "Two")).words)


def test_a_strategy_on_another_architecture_is_a_column_that_says_so(every: list[Document]) -> None:
    """What was asked there stands beside what was asked here."""
    (document,) = (one for one in every if one.schema == "clearfw.check/1")
    here = document.content.results[0]
    there = attrs.evolve(here, arch="s390x")
    both = attrs.evolve(document, content=attrs.evolve(document.content, results=(here, there)))
    shown = "".join(Tags(page([both], "Both")).words)

    assert "batched on s390x" in shown
    assert "batched (2)" not in shown
