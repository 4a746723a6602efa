"""Documents: saved JSON results, read back; only the parts that a report shows."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.errors import MissingExtraError, ResultError, nearest, to_install
from clearfw.files import read_input
from clearfw.results.bench import SavedBench
from clearfw.results.check import SavedChecks
from clearfw.results.info import SavedInfo
from clearfw.results.replay import SavedReplay
from clearfw.results.saved_kernel import SavedKernelBench, SavedKernelChecks
from clearfw.results.size import SavedSizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@attrs.frozen
class Document:
    """A saved result: the `name` of its file, its schema, as it was saved, and what a report needs of it."""

    name: str
    schema: str
    raw: dict[str, Any]
    content: Any


# Of a file: what clearfw writes has a hundredth of it.
MOST_NBYTES = 64 << 20
# Of any number: what is drawn must have room on an axis.
_MOST = 1e18
_KINDS: Mapping[type, tuple[type, ...]] = {bool: (bool,), float: (int, float), int: (int,), str: (str,)}
# What a report can be made of.
MODELS: Mapping[str, type[Any]] = {
    "clearfw.bench/1": SavedBench,
    "clearfw.check/1": SavedChecks,
    "clearfw.info/1": SavedInfo,
    "clearfw.kernel/1": SavedKernelBench,
    "clearfw.kernel-check/1": SavedKernelChecks,
    "clearfw.replay/1": SavedReplay,
    "clearfw.size/1": SavedSizes,
}


def check_extra() -> None:
    """Raise MissingExtraError unless all that reports and pictures need is installed."""
    for module in ("cattrs", "jinja2", "matplotlib"):
        if importlib.util.find_spec(module) is None:
            msg = f"reports need {module}, which is not installed: {to_install('cattrs jinja2 matplotlib')}"
            raise MissingExtraError(msg)


def read(path: Path) -> Document:
    """Return the result saved at PATH; raises OSError and ResultError."""
    try:
        raw = json.loads(read_input(path, MOST_NBYTES), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not JSON ({error}): give what a command wrote with --json"
        raise ResultError(msg) from error
    return parse(raw, str(path))


def _refuse(constant: str) -> None:
    msg = f"{constant} is not a number"
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
        msg = f"{name} does not follow {schema} ({first}): write it again with this clearfw"
        raise ResultError(msg) from error


def _exactly(accepted: tuple[type, ...]) -> Callable[[Any, type], Any]:
    """Return a hook that accepts values of these types unchanged, and refuses others."""

    def structure(value: Any, _: type) -> Any:  # noqa: ANN401  JSON is anything
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            msg = f"{value!r:.40} is not a {accepted[-1].__name__}"
            raise TypeError(msg)
        if isinstance(value, int | float) and abs(value) > _MOST:
            msg = f"{value!r:.40} is larger than any measured value"
            raise ValueError(msg)
        return value

    return structure
