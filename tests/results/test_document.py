"""Saved results: what is read back is what was saved, and what is no such thing is refused in a line."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearfw.errors import MissingExtraError, ResultError
from clearfw.reports.html import page
from clearfw.results import document as documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just("x" * 300),
)


def test_a_bench_comes_back_as_it_was_saved(saved: dict[str, dict[str, Any]]) -> None:
    """Every figure of a row, and every roofline, is what the document has."""
    raw = saved["bench"]

    bench = documents.parse(raw, "bench.json").content

    (scene,) = bench.scenes
    assert [row.strategy for row in bench.rows(scene)] == [row["strategy"] for row in raw["results"]]
    assert [row.seconds.median for row in bench.results] == [
        row["seconds"]["median"] for row in raw["results"]
    ]
    assert [row.baseline.ratio for row in bench.results if row.baseline] == [2.0, 1.0]
    assert scene.rooflines[0].gbps == raw["scenes"][0]["rooflines"][0]["gbps"]


def test_what_left_memory_dirty_is_not_sound(saved: dict[str, dict[str, Any]]) -> None:
    """A row with a dirty byte has no figure to be drawn."""
    saved["bench"]["results"][0]["dirty_offset"] = 0

    bench = documents.parse(saved["bench"], "bench.json").content

    assert [row.strategy for row in bench.sound(bench.scenes[0])] == ["per_page"]


def test_keys_a_report_does_not_show_are_not_looked_at(saved: dict[str, dict[str, Any]]) -> None:
    """A document of a later clearfw with more in it is read as well."""
    saved["check"]["later"] = {"anything": 1}

    assert documents.parse(saved["check"], "check.json").content.results[0].strategy == "batched"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is not JSON .*: give what a command wrote with --json"),
        ("\x00", "is not JSON"),
        ('{"schema": NaN}', "NaN is not a number"),
        ("[" * 100_000, "is not JSON"),
        ("1", "has no schema: give"),
        ('{"schema": 1}', "has no schema"),
        ('{"schema": "clearfw.bemch/1"}', r"did you mean 'clearfw.bench/1'\?.*: reports are made of clearfw"),
        ('{"schema": "clearfw.check/1"}', r"required field missing @ \$.results"),
        ('{"schema": "clearfw.check/1", "results": [{"strategy": 1}]}', r"results\[0\].strategy"),
    ],
)
def test_what_is_no_saved_result_is_refused_in_a_line(text: str, said: str, tmp_path: Path) -> None:
    """The line names the file, what is wrong with it and where."""
    path = tmp_path / "run.json"
    path.write_text(text)

    with pytest.raises(ResultError, match=said) as caught:
        documents.read(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_package_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the package and the extra that has it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else name)

    with pytest.raises(MissingExtraError, match=r"need jinja2.*-m pip install cattrs jinja2 matplotlib"):
        documents.check_extra()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401  JSON
    """Yield the way to each value of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield path
    for key, one in items:
        yield from leaves(one, (*path, key))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_change_of_a_document_is_shown_or_refused(
    saved: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever stands at one place of a document, the page is made or ResultError is raised."""
    raw = copy.deepcopy(saved[data.draw(st.sampled_from(sorted(saved)))])
    *path, last = data.draw(st.sampled_from([way for way in leaves(raw) if way]))
    holder = raw
    for key in path:
        holder = holder[key]
    holder[last] = data.draw(ANYTHING)

    try:
        document = documents.parse(json.loads(json.dumps(raw)), "run.json")
    except ResultError:
        pass
    else:
        assert page([document], "title").startswith("<!DOCTYPE html>")
