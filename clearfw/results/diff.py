"""Comparison: two results of one schema, row by row, and what of them is worse beyond its interval."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from clearfw.checks import answers
from clearfw.errors import ResultError
from clearfw.files import read_input
from clearfw.results.document import MOST_NBYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Document: TypeAlias = "dict[str, Any]"
Key: TypeAlias = "tuple[tuple[str, str], ...]"  # names and values, as ("order", "9")

SCHEMA = "clearfw.diff/1"
WORSE, BETTER, SAME, CHANGED = "worse", "better", "same", "changed"
DIRTY = "dirty"

# Of a run's configuration: what rows are matched by, and what moves a ratio little enough to be only told.
_MATCHED = ("strategies", "primitives")
_TOLD = ("rounds", "cpu", "memory", "backing", "seed")
_ENVIRONMENT = ("cpu", "machine", "kernel", "host_page_size", "clearfw", "commit", "compiler", "flags")
_ORIGIN = ("kernel", "cpu_model", "init_on_alloc", "init_on_free", "source", "command")


@attrs.frozen
class Figure:
    """Value of a row: a number or a word, with the 95 % interval of a measured number."""

    value: float | str | None
    ci95: tuple[float, float] | None = None


@attrs.frozen
class DiffRow:
    """One row that both results have.

    Attributes:
        verdict: WORSE or BETTER beyond the intervals, SAME within them; CHANGED where neither is better.

    """

    key: Key
    old: Figure
    new: Figure
    verdict: str

    @property
    def change(self) -> float | None:
        """The share by which the number grew."""
        old, new = self.old.value, self.new.value
        if isinstance(old, str) or isinstance(new, str) or not old or new is None:
            return None
        return new / old - 1

    @property
    def change_ci95(self) -> tuple[float, float] | None:
        """Interval of the change, from the far ends of both intervals, so it is wider than necessary."""
        if self.old.ci95 is None or self.new.ci95 is None or not all(self.old.ci95):
            return None
        (old_low, old_high), (new_low, new_high) = self.old.ci95, self.new.ci95
        return new_low / old_high - 1, new_high / old_low - 1


@attrs.frozen
class Comparison:
    """All rows of two results.

    Attributes:
        schema: of both.
        figure: what is compared.
        notes: differences between the runs that may be why.
        only_old, only_new: keys of rows that the other has not.

    """

    schema: str
    figure: str
    notes: tuple[str, ...]
    rows: tuple[DiffRow, ...]
    only_old: tuple[Key, ...]
    only_new: tuple[Key, ...]

    @property
    def worse(self) -> tuple[DiffRow, ...]:
        """The rows that are worse beyond the intervals."""
        return tuple(row for row in self.rows if row.verdict == WORSE)


@attrs.frozen
class _Schema:
    """Rules for comparing the results of a schema.

    Attributes:
        figure: the name of what is compared.
        figures: its value in each row, by the row's key.
        judge: what to say of an old figure and a new one.
        alike: facts of the run without which it cannot be compared.
        told: facts of the run that are told where they differ.

    """

    figure: str
    figures: Callable[[Document], Iterator[tuple[Key, Figure]]]
    judge: Callable[[Figure, Figure], str]
    alike: Callable[[Document], Document]
    told: Callable[[Document], Document]


def load(path: Path) -> Document:
    """Return the result at PATH; raises OSError, and ResultError if it is not a result."""
    try:
        document: Document = json.loads(read_input(path, MOST_NBYTES))
        name = document["schema"]
        known = name in _SCHEMAS
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        msg = f"{path} is not a result, a JSON object with a schema: write one with --json"
        raise ResultError(msg) from error
    if not known:
        schemas = ", ".join(_SCHEMAS)
        msg = f"{path} has schema {name!r:.40}, which diff does not compare: give two of one of {schemas}"
        raise ResultError(msg)
    return document


def compare(old: Document, new: Document) -> Comparison:
    """Return how NEW differs from OLD; raises ResultError if they cannot be compared."""
    name = old["schema"]
    if name != new["schema"]:
        msg = f"cannot compare {name} with {new['schema']}: give two results of one schema"
        raise ResultError(msg)
    schema = _SCHEMAS[name]
    notes = tuple(_notes(schema, old, new))
    before, after = _rows(schema, old), _rows(schema, new)
    both = [key for key in before if key in after]
    if not both:
        msg = f"the two results of {name} have no row in common: measure the same strategies and workload"
        raise ResultError(msg)
    return Comparison(
        schema=name,
        figure=schema.figure,
        notes=notes,
        rows=tuple(
            DiffRow(key, before[key], after[key], schema.judge(before[key], after[key])) for key in both
        ),
        only_old=tuple(key for key in before if key not in after),
        only_new=tuple(key for key in after if key not in before),
    )


def _notes(schema: _Schema, old: Document, new: Document) -> Iterator[str]:
    """Yield the facts that differ; raise ResultError for one that must not."""
    with _Reading(old):
        old_alike, old_told = schema.alike(old), schema.told(old)
    with _Reading(new):
        new_alike, new_told = schema.alike(new), schema.told(new)
    for said in _differences(old_alike, new_alike):
        msg = f"cannot compare: {said}: measure both alike"
        raise ResultError(msg)
    yield from _differences(old_told, new_told)


def _rows(schema: _Schema, document: Document) -> dict[Key, Figure]:
    with _Reading(document):
        return dict(schema.figures(document))


@attrs.frozen
class _Reading:
    """Turns an unexpected document into a ResultError."""

    document: Document

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (AttributeError, IndexError, KeyError, TypeError, ValueError)):
            msg = f"a result is not as {self.document['schema']} should be ({error!r:.80}): write it again"
            raise ResultError(msg) from error


def _differences(old: Document, new: Document) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        if one != other:
            yield f"{name} was {_word(one)}, is {_word(other)}"


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split())


def _only(facts: Document, names: tuple[str, ...]) -> Document:
    return {name: facts.get(name) for name in names}


def _measured_rows(document: Document) -> Iterator[tuple[Key, Figure]]:
    """Yield the ratio over the baseline, of bench and replay."""
    for result in document["results"]:
        named = {
            "workload": result.get("workload"),
            "trace": result.get("trace"),
            "scene": result.get("scene"),
            "order": result.get("order"),
            "strategy": result["strategy"],
            "primitive": result["primitive"],
        }
        key = tuple((name, str(value)) for name, value in named.items() if value not in {None, ""})
        yield key, _ratio(result)


def _ratio(result: Document) -> Figure:
    if result.get("dirty_offset") is not None:
        return Figure(DIRTY)
    baseline = result["baseline"]
    if baseline is None:
        return Figure(None)
    low, high = baseline["ci95"]
    return Figure(float(baseline["ratio"]), (float(low), float(high)))


def _measured_alike(document: Document) -> Document:
    config = document["config"]
    baselines = {
        f"{baseline['strategy']} with {baseline['primitive']}"
        for result in document["results"]
        if (baseline := result["baseline"])
    }
    asked = {name: value for name, value in config.items() if name not in (*_MATCHED, *_TOLD)}
    return asked | {"the baseline": ", ".join(sorted(baselines)) or None}


def _measured_told(document: Document) -> Document:
    backings = {scene["backing"] for scene in document.get("scenes", ())}
    config = _only(document["config"], _TOLD) | {"backing": ", ".join(sorted(backings))}
    environment = _only(document["environment"], _ENVIRONMENT)
    # The processor's name, and the number of the one that was pinned.
    return {("pinned cpu" if name == "cpu" else name): value for name, value in config.items()} | environment


def _measured_judge(old: Figure, new: Figure) -> str:
    if DIRTY in (old.value, new.value):
        return SAME if old.value == new.value else WORSE if new.value == DIRTY else BETTER
    if old.ci95 is None or new.ci95 is None:
        return SAME if old == new else CHANGED
    if new.ci95[1] < old.ci95[0]:
        return WORSE
    return BETTER if new.ci95[0] > old.ci95[1] else SAME


def _check_rows(document: Document) -> Iterator[tuple[Key, Figure]]:
    for result in document["results"]:
        arch = result.get("arch")
        strategy = f"{result['strategy']} on {arch}" if arch else result["strategy"]
        for check in result["checks"]:
            if not isinstance(strategy, str) or not isinstance(check["name"], str):
                msg = f"{strategy!r:.40} or {check['name']!r:.40} is no name"
                raise TypeError(msg)
            yield (("strategy", strategy), ("check", check["name"])), Figure(str(check["status"]))


def _check_judge(old: Figure, new: Figure) -> str:
    if old == new:
        return SAME
    if answers.FAIL in (old.value, new.value):
        return WORSE if new.value == answers.FAIL else BETTER
    return CHANGED


def _info_rows(document: Document) -> Iterator[tuple[Key, Figure]]:
    for name, count in (("events", document["events"]), *document["kinds"].items()):
        yield (("count", name),), Figure(int(count))
    yield (("count", "with __GFP_ZERO"),), Figure(int(document["zero_allocs"]))
    for one in document["orders"]:
        for name in ("allocs", "frees", "cleared_pages"):
            yield (("count", name), ("order", str(one["order"]))), Figure(int(one[name]))
    for name, count in document["census"].items():
        # Those by order are in the orders.
        if isinstance(count, int):
            yield (("count", f"census {name}"),), Figure(count)


def _info_judge(old: Figure, new: Figure) -> str:
    return SAME if old == new else CHANGED


def _kernel_rows(document: Document) -> Iterator[tuple[Key, Figure]]:
    """Yield the ratio of each order; without patches there is none."""
    for result in document["results"]:
        key = (("order", str(result["order"])),)
        ratio = result["ratio"]
        if document["dirty"]:
            yield key, Figure(DIRTY)
        elif ratio is not None:
            yield key, Figure(float(ratio["ratio"]), (float(ratio["ci95"][0]), float(ratio["ci95"][1])))


def _kernel_alike(document: Document) -> Document:
    return _only(document["config"], ("boot", "hot")) | {"kernels": len(document["kernels"])}


def _kernel_told(document: Document) -> Document:
    kernels = {
        f"kernel {one['kernel']}": f"{one['version']}, {one['primitive']}, build {one['build']}"
        for one in document["kernels"]
    }
    asked = _only(document["config"], ("rounds", "working_set", "seed"))
    return kernels | asked | _only(document["environment"], _ENVIRONMENT)


def _kernel_check_rows(document: Document) -> Iterator[tuple[Key, Figure]]:
    for result in document["results"]:
        yield (("kernel", result["kernel"]), ("question", result["name"])), Figure(str(result["status"]))


def _nothing(_: Document) -> Document:
    return {}


_MEASURED = _Schema(
    "ratio over the baseline, above 1 is faster",
    _measured_rows,
    _measured_judge,
    _measured_alike,
    _measured_told,
)
_SCHEMAS = {
    "clearfw.bench/1": _MEASURED,
    "clearfw.replay/1": _MEASURED,
    "clearfw.check/1": _Schema("answer", _check_rows, _check_judge, _nothing, _nothing),
    "clearfw.kernel/1": _Schema(
        "ratio of time before over after, above 1 is faster",
        _kernel_rows,
        _measured_judge,
        _kernel_alike,
        _kernel_told,
    ),
    "clearfw.kernel-check/1": _Schema("answer", _kernel_check_rows, _check_judge, _nothing, _nothing),
    "clearfw.info/1": _Schema(
        "count",
        _info_rows,
        _info_judge,
        lambda document: {"page_size": document["origin"]["page_size"]},
        lambda document: _only(document["origin"], _ORIGIN),
    ),
}


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return the document that `clearfw diff --json` writes."""
    return {
        "schema": SCHEMA,
        "compared": comparison.schema,
        "figure": comparison.figure,
        "notes": list(comparison.notes),
        "worse": len(comparison.worse),
        "results": [_row(row) for row in comparison.rows],
        "only_old": [dict(key) for key in comparison.only_old],
        "only_new": [dict(key) for key in comparison.only_new],
    }


def _row(row: DiffRow) -> dict[str, Any]:
    return {
        "key": dict(row.key),
        "old": attrs.asdict(row.old),
        "new": attrs.asdict(row.new),
        "change": row.change,
        "change_ci95": row.change_ci95,
        "verdict": row.verdict,
    }
