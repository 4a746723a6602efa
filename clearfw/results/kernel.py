"""Results of `clearfw kernel`: schemas clearfw.kernel/1 of its bench, and clearfw.kernel-check/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clearfw.bench.statistics import Ratio
    from clearfw.kernel_tree.bench import Row, Run, Shape
    from clearfw.kernel_tree.check import Answer
    from clearfw.kernel_tree.store import Build

SCHEMA = "clearfw.kernel/1"
CHECK_SCHEMA = "clearfw.kernel-check/1"


def to_json(
    run: Run,
    builds: Mapping[str, Build],
    environment: Mapping[str, Any],
    config: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return the document that `clearfw kernel bench --json` writes."""
    return _about(SCHEMA, builds, environment, config, notes) | {
        "memory": {"bytes": run.memory_nbytes, "huge_bytes": run.huge_nbytes},
        "rounds": run.rounds,
        "interrupted": run.interrupted,
        "dirty": dict(run.dirty),
        "results": [_row(row) for row in run.rows],
    }


def check_to_json(
    answers: Iterable[Answer],
    builds: Mapping[str, Build],
    environment: Mapping[str, Any],
    config: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return the document that `clearfw kernel check --json` writes."""
    return _about(CHECK_SCHEMA, builds, environment, config, notes) | {
        "results": [{**attrs.asdict(answer), "evidence": list(answer.evidence)} for answer in answers],
    }


def _about(
    schema: str,
    builds: Mapping[str, Build],
    environment: Mapping[str, Any],
    config: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return what both documents begin with."""
    return {
        "schema": schema,
        "environment": dict(environment),
        "config": dict(config),
        "kernels": kernels(builds),
        "notes": list(notes),
    }


def kernels(builds: Mapping[str, Build]) -> list[dict[str, Any]]:
    """Return what each kernel was built of, with the name of its build in the cache."""
    return [{"kernel": label, "build": build.folder.name, **build.about} for label, build in builds.items()]


def _row(row: Row) -> dict[str, Any]:
    return {
        "order": row.order,
        "kernel": {label: _shape(shape) for label, shape in row.shapes.items()},
        "alone_ns": dict(row.alone_ns),
        "ratio": _ratio(row.ratio),
        "noise": _ratio(row.noise),
        "model": {label: _shape(shape) for label, shape in row.model.items()},
        "model_ratio": _ratio(row.model_ratio),
        "off": row.off,
        "tolerance": row.tolerance,
    }


def _shape(shape: Shape) -> dict[str, Any]:
    return {"ns": attrs.asdict(shape.ns), "gbps": shape.gbps}


def _ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    return None if ratio is None else {**attrs.asdict(ratio), "ci95": list(ratio.ci95)}
