"""What several test files share: machines that must end up valid, and strategies of both kinds."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import hypothesis
import pytest
from support.commands import Command, Done

from clearfw import kernel
from clearfw.bench.run import Result, Roofline, SceneRun
from clearfw.bench.statistics import Ratio, Spread
from clearfw.cli import group
from clearfw.machine import Counters, Machine
from clearfw.markers import hookimpl
from clearfw.results import bench as results_bench
from clearfw.strategies import NativeStrategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clearfw._core import PageRange, VmallocRange

ROOT = Path(__file__).parent.parent

# The same examples in every run: a failure on one computer is a failure on all.
hypothesis.settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep what the tests compile and measure between runs, and out of the user's own cache."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        os.environ.setdefault("CLEARFW_CACHE_DIR", str(cache.mkdir("clearfw")))


def pytest_unconfigure() -> None:
    """Unmount tracefs, if a test of recording had it mounted."""
    if fake_tracefs := sys.modules.get("support.fake_tracefs"):
        fake_tracefs.until_the_end.close()


@pytest.fixture
def boot() -> Iterator[Callable[..., Machine]]:
    """Boot machines, of 16 MiB unless told otherwise; at the end each must be valid, and close."""
    machines: list[Machine] = []

    def start(cmdline: str = "", stack: str | list[object] | None = None) -> Machine:
        # A host with a hugetlb pool would give auto that, which has no vmalloc and no HIGHMEM.
        machines.append(Machine.boot(f"memory=16M backing=thp {cmdline}", stack=stack))
        return machines[-1]

    yield start
    for machine in machines:
        if not machine.closed:
            assert machine.what_is_wrong() is None
            machine.close()


@pytest.fixture
def c_strategy(tmp_path: Path) -> Callable[..., NativeStrategy]:
    """Write a strategy in C: its name, its functions, and what it brings at which init point."""

    def write(name: str, functions: str, brings: str, **options: bool) -> NativeStrategy:
        path = tmp_path / f"{name}.c"
        path.write_text(f"#include <clearfw/strategy.h>\n{functions}\nCLEARFW_STRATEGY({name}, {brings});\n")
        return NativeStrategy(name, path, "for a test", **options)

    return write


class Noting:
    """A strategy in Python that clears, and notes what it was asked: init point, pfn or address, pages."""

    name = "noting"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Clear, page by page."""
        return self._clear("alloc", pages)

    @hookimpl
    def clearfw_init_on_free(self, pages: PageRange) -> bool:
        """Clear, page by page."""
        return self._clear("free", pages)

    @hookimpl
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool:
        """Clear in one go."""
        self.asked.append(("vmalloc", area.address, area.npages))
        kernel.clear_pages(kernel.kasan_reset_tag(area.address), area.npages)
        return True

    def _clear(self, point: str, pages: PageRange) -> bool:
        self.asked.append((point, pages.pfn, pages.npages))
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
        return True


@pytest.fixture
def noting() -> Noting:
    """A strategy in Python that clears and notes what it was asked."""
    return Noting()


@pytest.fixture
def result() -> Callable[..., Result]:
    """Make a result as a measurement gives it: twice as fast as per_page, unless told otherwise."""
    nothing = dict.fromkeys((field.name for field in attrs.fields(Counters)), 0)
    one = Result(
        strategy="batched",
        primitive="stosb",
        resolved="stosb",
        workload="hugetlb",
        scene="",
        order=9,
        bytes=1 << 26,
        rounds=15,
        rounds_thrown_out=0,
        seconds=Spread(0.005, 0.004, 0.006),
        gbps=12.34,
        modes_gbps=(12.34,),
        baseline=("per_page", "stosb"),
        ratio=Ratio(2.0, 1.8, 2.2, (1.9, 2.1)),
        of_roofline=0.5,
        counters=Counters(**nothing),
        latency=None,
        latency_by_order={},
        interpreted=False,
        peer=False,
        dirty_offset=None,
    )
    return lambda **changes: attrs.evolve(one, **changes)


@pytest.fixture
def scene_run() -> Callable[..., SceneRun]:
    """Make what a measurement finds on one machine of the hugetlb workload."""
    one = SceneRun(
        workload="hugetlb",
        label="",
        how=(),
        config="memory=128M init_on_alloc=1",
        backing="thp",
        huge_bytes=1 << 27,
        rooflines=(Roofline(9, "nt512", 24.68),),
        results=(),
        skipped=(),
        rounds=15,
        interrupted=False,
    )
    return lambda *results, **changes: attrs.evolve(one, results=results, **changes)


def _bench_document(result: Callable[..., Result], scene_run: Callable[..., SceneRun]) -> dict[str, Any]:
    rows = [result(), result(strategy="per_page", ratio=Ratio(1.0, 1.0, 1.0, (1.0, 1.0)))]
    environment = {"clearfw": "0.1.0", "cpu": "a processor", "plugins": {"batched": "0.1.0"}}
    config = {"workload": "hugetlb", "touch": "none", "hot": False, "threads": 1}
    return results_bench.to_json([scene_run(*rows)], environment, config)


def _kernel_documents() -> dict[str, dict[str, Any]]:
    """Return what `clearfw kernel bench` and `check` save, of one order and one answer."""
    one = {"version": "7.3.0", "tree": "linux", "primitive": "rep stosb", "files": [], "clear_pages": True}
    kernels = [one | {"kernel": "before"}, one | {"kernel": "after", "files": ["mm/page_alloc.c"]}]
    shape = {"ns": {"median": 2e5, "min": 1.9e5, "max": 2.1e5}, "gbps": 10.5}
    ratio = {"ratio": 1.25, "ci95": [1.2, 1.3]}
    order = {
        "order": 9,
        "kernel": {"before": shape, "after": shape},
        "alone_ns": {"before": 100.0},
        "ratio": ratio,
        "noise": ratio | {"ratio": 1.0},
        "model": {"before": shape, "after": shape},
        "model_ratio": ratio,
        "off": 0.01,
        "tolerance": 0.1,
    }
    answer = {"kernel": "after", "name": "meminit", "status": "pass", "summary": "131 tests", "evidence": []}
    about = {"kernels": kernels, "notes": ["a note"]}
    return {
        "kernel": about
        | {
            "schema": "clearfw.kernel/1",
            "environment": {"cpu": "a processor"},
            "config": {},
            "memory": {"bytes": 1 << 30, "huge_bytes": 1 << 30},
            "rounds": 15,
            "interrupted": False,
            "dirty": {},
            "results": [order],
        },
        "kernel-check": about | {"schema": "clearfw.kernel-check/1", "results": [answer]},
    }


@pytest.fixture
def saved(result: Callable[..., Result], scene_run: Callable[..., SceneRun]) -> dict[str, dict[str, Any]]:
    """Make a document of each schema that a report can be made of, as the commands save them."""
    bench = _bench_document(result, scene_run)
    answer = {
        "name": "zero_on_alloc",
        "status": "FAIL",
        "why": "post_alloc_hook() hands it out",
        "evidence": {"message": "left byte 0 dirty", "pfn": 1},
        "reproduce": "clearfw check batched --only zero_on_alloc",
    }
    checks = [answer, answer | {"name": "zero_on_free", "status": "pass", "evidence": None}]
    way = {"way": "inline", "before": 100, "after": 140, "net": 40, "function_bytes": 0, "site_bytes": 8.5}
    size = {"strategy": "batched", "against": "per_page", "arch": "arm", "config": "CONFIG_HIGHMEM=y"}
    compiled = {"compiler": "gcc 12", "flags": "-O2", "sites": 4}
    latency = {"order": 9, "count": 3, "total_ns": 9e5, "p50_ns": 2e5, "p99_ns": 3e5, "max_ns": 4e5}
    prediction = {"strategy": "batched", "primitive": "stosb", "clears_s": 0.5, "predicted_s": 1.5}
    order = {"order": 9, "allocs": 3, "frees": 2, "cleared": 3, "cleared_pages": 1536}
    return _kernel_documents() | {
        "bench": bench,
        "check": {
            "schema": "clearfw.check/1",
            "results": [{"strategy": "batched", "passed": False, "checks": checks}],
        },
        "info": {
            "schema": "clearfw.info/1",
            "trace": "a.trace",
            "events": 5,
            "exact": False,
            "truncated": False,
            "cleared_by": "init_on_alloc=1",
            "orders": [order],
            "origin": {"kernel": "7.3", "command": None},
            "census": {"peak_pages": 1536},
        },
        "replay": {
            **bench,
            "schema": "clearfw.replay/1",
            "results": [{**row, "order": None, "latency_by_order": [latency]} for row in bench["results"]],
            "trace": {"path": "a.trace", "exact": False},
            "mode": "alloc",
            "prediction": {
                "formula": "recorded - its clears + those of the strategy",
                "recorded": {"system_s": 2.0, "clears_s": 1.0},
                "none_because": None,
                "results": [prediction | {"ci95": [1.4, 1.6], "change": -0.25}],
            },
        },
        "size": {
            "schema": "clearfw.size/1",
            "results": [
                size | compiled | {"ways": [way | {"symbols": [{"name": "f", "old": 0, "new": 40}]}]}
            ],
            "failed": [{"strategy": "mine", "arch": "s390x", "stderr": "error: no"}],
            "missing": [{"arch": "arm64", "package": "gcc-aarch64-linux-gnu"}],
        },
    }


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Run the command line in this process, and leave the process as it was."""
    allowed = os.sched_getaffinity(0)
    broken_pipe = signal.getsignal(signal.SIGPIPE)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CLEARFW_PLUGINS", raising=False)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        status = group.run([str(one) for one in arguments])
        os.sched_setaffinity(0, allowed)
        return Done(status, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGPIPE, broken_pipe)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once for all workers of a run, from what the tree's own build has compiled."""
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent
    # cmake and ninja may be this environment's own, whether or not it was activated.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    with (directory / "wheel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(directory.glob("*.whl")):
            command = [*pip, "-w", str(directory), str(ROOT)]
            subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": path}, check=True)
    (built,) = directory.glob("*.whl")
    return built
