"""Results as JSON: the schema that scripts rely on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clearfw.bench.run import Roofline, Skipped
from clearfw.results.bench import to_json
from clearfw.workloads.protocol import Latency

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.bench.run import Result, SceneRun


def test_the_document_survives_json(
    result: Callable[..., Result], scene_run: Callable[..., SceneRun]
) -> None:
    """Nothing in it but what JSON knows."""
    latency = Latency(p50_ns=1.0, p99_ns=2.0, max_ns=3, count=4, total_ns=6)
    document = to_json([scene_run(result(latency=latency))], {"cpu": "x"}, {"rounds": 15})

    assert json.loads(json.dumps(document)) == document


def test_the_schema_is_the_one_documented(
    result: Callable[..., Result], scene_run: Callable[..., SceneRun]
) -> None:
    """Names and shapes, of the document and of a result."""
    document = to_json([scene_run(result())], {"cpu": "x"}, {"rounds": 15})
    (one,) = document["results"]

    assert document["schema"] == "clearfw.bench/1"
    assert (document["environment"], document["config"]) == ({"cpu": "x"}, {"rounds": 15})
    assert document["roofline"] == {"primitive": "nt512", "gbps": 24.68}
    assert one["strategy"], one["primitive"] == ("batched", "stosb")
    assert (one["workload"], one["order"], one["bytes"], one["rounds"]) == ("hugetlb", 9, 1 << 26, 15)
    assert one["seconds"] == {"median": 0.005, "min": 0.004, "max": 0.006}
    assert one["baseline"] == {
        "strategy": "per_page",
        "primitive": "stosb",
        "ratio": 2.0,
        "min": 1.8,
        "max": 2.2,
        "ci95": [1.9, 2.1],
    }
    assert {"inits", "pages", "clear_calls", "kmaps", "page_walks"} <= set(one["counters"])


def test_without_a_baseline_there_is_no_ratio(
    result: Callable[..., Result], scene_run: Callable[..., SceneRun]
) -> None:
    """Null, and not a ratio to nothing."""
    document = to_json([scene_run(result(baseline=None, ratio=None))], {}, {})

    assert document["results"][0]["baseline"] is None
    assert "ratio" not in document["results"][0]


def test_a_scene_tells_what_was_left_out_and_why(scene_run: Callable[..., SceneRun]) -> None:
    """With the machine's configuration, and whether it was interrupted."""
    skipped = Skipped("mine", "it crashed", broken=True)
    (scene,) = to_json([scene_run(label="x", skipped=(skipped,), interrupted=True)], {}, {})["scenes"]

    assert scene["skipped"] == [{"strategy": "mine", "reason": "it crashed", "broken": True}]
    assert (scene["scene"], scene["interrupted"], scene["rounds"]) == ("x", True, 15)
    assert (scene["machine"], scene["backing"]) == ("memory=128M init_on_alloc=1", "thp")
    assert scene["rooflines"] == [{"order": 9, "primitive": "nt512", "gbps": 24.68}]


def test_the_roofline_of_the_document_is_the_first(scene_run: Callable[..., SceneRun]) -> None:
    """And null where nothing was measured at all."""
    several = scene_run(rooflines=(Roofline(0, "nt512", 1.0), Roofline(1, "nt512", 2.0)))

    assert to_json([several], {}, {})["roofline"] == {"primitive": "nt512", "gbps": 1.0}
    assert to_json([], {}, {})["roofline"] is None
