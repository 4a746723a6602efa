"""Documents: results that were saved as JSON, read back; what a report does not show is not looked at."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge, gt

from clearfw.errors import MissingExtraError, ResultError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def _above_zero(*, deep: bool = False) -> Any:  # noqa: ANN401  an attrs field
    return attrs.field(validator=attrs.validators.deep_iterable(gt(0)) if deep else gt(0))


@attrs.frozen
class Seconds:
    """The time of one sample."""

    median: float = _above_zero()
    min: float = _above_zero()
    max: float = _above_zero()


@attrs.frozen
class Baseline:
    """What a row is compared with: ratio is time(baseline) / time(row), with its 95 % interval."""

    strategy: str
    primitive: str
    ratio: float = _above_zero()
    ci95: tuple[float, float] = _above_zero(deep=True)


@attrs.frozen
class Latency:
    """Nanoseconds of single allocations."""

    p50_ns: float = _above_zero()
    p99_ns: float = _above_zero()
    max_ns: float = _above_zero()


@attrs.frozen(kw_only=True)
class OrderLatency(Latency):
    """Those of one order, and how long all of them took."""

    order: int = attrs.field(validator=ge(0))
    count: int
    total_ns: float


@attrs.frozen(kw_only=True, eq=False)
class Row:
    """A strategy with a primitive, on one case of a workload or on a trace: as results.Result was saved."""

    strategy: str
    primitive: str
    resolved: str
    scene: str
    order: int | None = attrs.field(validator=attrs.validators.optional(ge(0)))
    bytes: int = _above_zero()
    rounds: int
    rounds_thrown_out: int
    seconds: Seconds
    modes_gbps: tuple[float, ...]
    of_roofline: float
    baseline: Baseline | None
    counters: dict[str, int] | None
    latency: Latency | None
    latency_by_order: tuple[OrderLatency, ...] = ()
    interpreted: bool
    peer: bool
    dirty_offset: int | None

    @property
    def gbps(self) -> float:
        """1e9 bytes a second, at the median."""
        return self.bytes / self.seconds.median / 1e9

    @property
    def instructions(self) -> str:
        """The primitive, and which one it was where "best" was asked for."""
        same = self.resolved == self.primitive
        return self.primitive if same else f"{self.primitive}: {self.resolved}"

    @property
    def is_baseline(self) -> bool:
        """Whether it is what the others are compared with."""
        base = self.baseline
        return base is not None and (base.strategy, base.primitive) == (self.strategy, self.primitive)


@attrs.frozen
class Roofline:
    """The best primitive over the same memory, with no allocator in the way."""

    order: int | None = attrs.field(validator=attrs.validators.optional(ge(0)))
    primitive: str
    gbps: float = _above_zero()


@attrs.frozen
class Skipped:
    """A strategy that was not timed."""

    strategy: str
    reason: str
    broken: bool


@attrs.frozen
class Scene:
    """One machine of a bench."""

    scene: str
    machine: str
    backing: str
    rounds: int
    interrupted: bool
    rooflines: tuple[Roofline, ...]
    skipped: tuple[Skipped, ...]


@attrs.frozen
class BenchConfig:
    """What was asked of a bench."""

    workload: str
    touch: str
    hot: bool
    threads: int


@attrs.frozen
class Bench:
    """What `clearfw bench` measured."""

    environment: dict[str, Any]
    config: BenchConfig
    scenes: tuple[Scene, ...]
    results: tuple[Row, ...]

    def rows(self, scene: Scene) -> list[Row]:
        """Return the rows of one machine."""
        return [row for row in self.results if row.scene == scene.scene]

    def sound(self, scene: Scene) -> list[Row]:
        """Return those that have a figure: the others left memory dirty."""
        return [row for row in self.rows(scene) if row.dirty_offset is None]

    def ranked(self, scene: Scene) -> list[Row]:
        """Return those that are held against each other: what is interpreted is not."""
        return [row for row in self.sound(scene) if not row.interpreted]


@attrs.frozen
class Check:
    """One answer about a strategy."""

    name: str
    status: str
    why: str
    evidence: dict[str, Any] | None
    reproduce: str


@attrs.frozen
class Verdict:
    """All answers about one strategy; `arch` is where they were asked for, None on the computer itself."""

    strategy: str
    passed: bool
    checks: tuple[Check, ...]
    arch: str | None = None

    @property
    def label(self) -> str:
        """The strategy, and where it was asked."""
        return f"{self.strategy} on {self.arch}" if self.arch else self.strategy


@attrs.frozen
class Checks:
    """What `clearfw check` found."""

    results: tuple[Verdict, ...]


@attrs.frozen
class Prediction:
    """The system time of a workload with a strategy; `change` is a share of what was recorded."""

    strategy: str
    primitive: str
    clears_s: float
    predicted_s: float
    ci95: tuple[float, float]
    change: float


@attrs.frozen
class Recorded:
    """The system time of what was recorded, and the part of it that clears took."""

    system_s: float
    clears_s: float


@attrs.frozen
class Predictions:
    """Why there are none, or what they start from and are."""

    formula: str
    recorded: Recorded | None
    none_because: str | None
    results: tuple[Prediction, ...]


@attrs.frozen
class ReplayedTrace:
    """What was replayed."""

    path: str
    exact: bool


@attrs.frozen
class Replay(Bench):
    """What `clearfw replay` measured; its rows are of all orders together."""

    trace: ReplayedTrace
    mode: str
    prediction: Predictions


@attrs.frozen
class OrderCount:
    """What a trace has of one order."""

    order: int
    allocs: int
    frees: int
    cleared: int
    cleared_pages: int = attrs.field(validator=ge(0))


@attrs.frozen
class Info:
    """What `clearfw info` found in a trace."""

    trace: str
    events: int
    exact: bool
    truncated: bool
    cleared_by: str
    orders: tuple[OrderCount, ...]
    origin: dict[str, Any]
    census: dict[str, Any]


@attrs.frozen
class Symbol:
    """A function's bytes before and after."""

    name: str
    old: int
    new: int


@attrs.frozen
class Way:
    """A unit with the clear inline, out of line, or as the compiler chose."""

    way: str
    before: int
    after: int
    net: int
    function_bytes: int
    site_bytes: float
    symbols: tuple[Symbol, ...]


@attrs.frozen
class Size:
    """What a strategy costs in code on one architecture."""

    strategy: str
    against: str
    arch: str
    config: str
    compiler: str
    flags: str
    sites: int
    ways: tuple[Way, ...]


@attrs.frozen
class Failed:
    """A strategy that does not compile for an architecture."""

    strategy: str
    arch: str
    stderr: str


@attrs.frozen
class Missing:
    """An architecture without a compiler, and the package that has it."""

    arch: str
    package: str


@attrs.frozen
class Sizes:
    """What `clearfw size` found."""

    results: tuple[Size, ...]
    failed: tuple[Failed, ...]
    missing: tuple[Missing, ...]


@attrs.frozen
class Document:
    """A saved result: the `name` of its file, its schema, as it was saved, and what a report needs of it."""

    name: str
    schema: str
    raw: dict[str, Any]
    content: Any


# Of any number: what is drawn must have room on an axis.
_MOST = 1e18
_KINDS: Mapping[type, tuple[type, ...]] = {bool: (bool,), float: (int, float), int: (int,), str: (str,)}
# What a report can be made of.
MODELS: Mapping[str, type[Any]] = {
    "clearfw.bench/1": Bench,
    "clearfw.check/1": Checks,
    "clearfw.info/1": Info,
    "clearfw.replay/1": Replay,
    "clearfw.size/1": Sizes,
}


def check_extra() -> None:
    """Raise MissingExtraError unless all that reports and pictures need is installed."""
    for module in ("cattrs", "jinja2", "matplotlib"):
        if importlib.util.find_spec(module) is None:
            msg = f"reports need {module}, which is not installed: pip install 'clearfw[reports]'"
            raise MissingExtraError(msg)


def read(path: Path) -> Document:
    """Return the result saved at PATH; raises OSError and ResultError."""
    try:
        raw = json.loads(path.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not JSON ({error}): give what a command wrote with --json"
        raise ResultError(msg) from error
    return parse(raw, str(path))


def _refuse(constant: str) -> None:
    msg = f"{constant} is no number"
    raise ValueError(msg)


def parse(raw: object, name: str) -> Document:
    """Return RAW as a document called NAME."""
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(schema, str):
        msg = f"{name} has no schema: give what a command wrote with --json"
        raise ResultError(msg)
    if schema not in MODELS:
        msg = f"{name} is a {schema!r}{nearest(schema, MODELS)}: reports are made of {', '.join(MODELS)}"
        raise ResultError(msg)
    return Document(name, schema, raw, _structured(raw, schema, name))


def _structured(raw: dict[str, Any], schema: str, name: str) -> object:
    import cattrs

    converter = cattrs.Converter()
    for kind, accepted in _KINDS.items():
        converter.register_structure_hook(kind, _exactly(accepted))
    try:
        return converter.structure(raw, MODELS[schema])
    except cattrs.BaseValidationError as error:
        first = " ".join(cattrs.transform_error(error)[0].split())
        msg = f"{name} is not as {schema} should be ({first}): write it again with this clearfw"
        raise ResultError(msg) from error


def _exactly(accepted: tuple[type, ...]) -> Callable[[Any, type], Any]:
    """Return a hook that takes values of these types as they are, and converts no others."""

    def structure(value: Any, _: type) -> Any:  # noqa: ANN401  JSON is anything
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            msg = f"{value!r:.40} is no {accepted[-1].__name__}"
            raise TypeError(msg)
        if isinstance(value, int | float) and abs(value) > _MOST:
            msg = f"{value!r:.40} is more than anything measured"
            raise ValueError(msg)
        return value

    return structure
