"""The command line: its exit statuses, its one line for each failure, its JSON, and what its tables say."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import clearfw_plugins
import pytest

from clearfw import _core, preflight, registry
from clearfw.cli import group
from clearfw.host import available_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = ("bench", "--memory", "16M", "--rounds", "2", "--primitive", "stosb")

KERNEL_STYLE = """
#include <clearfw/strategy.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	int i;

	/* s390's use of memset() could override KASAN redzones. */
	kasan_disable_current();
	for (i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}

CLEARFW_STRATEGY(pasted, .kernel_init_pages = kernel_init_pages);
"""

PYTHON = """
from clearfw import hookimpl, kernel

class Mine:
    name = "mine"

    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        {body}
        kernel.clear_pages(pages.address, pages.npages)
        return True
"""


def in_c(body: str, name: str = "mine") -> str:
    """Return a C file whose strategy does BODY with page and n."""
    function = f"static void f(struct page *page, int n)\n{{\n{body}\n}}\n"
    return f"#include <clearfw/strategy.h>\n{function}CLEARFW_STRATEGY({name}, .kernel_init_pages = f);\n"


@attrs.frozen
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it wrote, all of which must be JSON."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document

    @property
    def line(self) -> str:
        """The one line it left on standard error, with nothing on standard output."""
        assert self.out == ""
        assert re.fullmatch(r"clearfw: [^\n]+\n", self.err), self.err
        return self.err.removeprefix("clearfw: ").rstrip()


Command: TypeAlias = "Callable[..., Done]"


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


def program(*arguments: object, before: str = "") -> subprocess.Popen[str]:
    """Start the command line in a process of its own, in which BEFORE is run first."""
    code = f"{before}\nfrom clearfw.cli import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def finished(process: subprocess.Popen[str]) -> Done:
    """Wait for a process, in which nothing may end in a traceback."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return Done(process.returncode, out, err)


def wait_for(path: Path) -> None:
    """Wait until PATH exists."""
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What it measures


def test_without_arguments_everything_installed_is_timed(command: Command) -> None:
    """Beside the roofline, and the two factors stand beside the published figure."""
    done = command("bench", "--memory", "16M", "--rounds", "2")

    assert done.status == 0
    for row in (
        r"per_page +stosb",
        r"per_page +best",
        r"batched +stosb",
        r"batched +best",
        r"s390_memset +own",
    ):
        assert re.search(rf"^{row}", done.out, re.MULTILINE)
    assert re.search(r"^\(roofline\)", done.out, re.MULTILINE)
    assert "highmem_fallback left out: it claims nothing at the alloc init point" in done.out
    assert re.search(r"^shape +stosb +best", done.out, re.MULTILINE)
    assert "2.68x as published" in done.out


def test_json_on_standard_output_is_alone_there(command: Command) -> None:
    """The tables go to standard error; the schema is the documented one."""
    done = command(*SMALL, "batched", "--json", "-")

    document = done.json
    assert done.status == 0
    assert "GB/s" in done.err
    assert document["schema"] == "clearfw.bench/1"
    assert set(document["roofline"]) == {"primitive", "gbps"}
    assert [one["strategy"] for one in document["results"]] != []
    for one in document["results"]:
        assert (one["primitive"], one["workload"], one["order"]) == ("stosb", "hugetlb", 9)
        assert one["rounds"] + one["rounds_thrown_out"] == 2
        assert set(one["seconds"]) == {"median", "min", "max"}
        assert set(one["baseline"]) >= {"strategy", "ratio", "ci95"}
        assert set(one["counters"]) >= {"inits", "pages", "clear_calls", "kmaps", "page_walks"}
        assert one["baseline"]["strategy"] == "per_page"


def test_json_in_a_file_comes_beside_the_tables(command: Command, tmp_path: Path) -> None:
    """Both of the same run."""
    path = tmp_path / "run.json"
    done = command(*SMALL, "per_page", "--json", path)

    (result,) = json.loads(path.read_text())["results"]
    assert f"{result['gbps']:.2f}" in done.out


@pytest.mark.parametrize(
    ("workload", "scenes", "orders"),
    [
        ("hugetlb", {""}, {9}),
        ("orders", {""}, set(range(11))),
        ("churn", {"init_on_alloc", "init_on_free"}, {None, *range(11)}),
        ("vmalloc", {"fragmented", "contiguous"}, {None}),
    ],
)
def test_every_workload_runs(
    command: Command, workload: str, scenes: set[str], orders: set[int | None]
) -> None:
    """On its machines, with its orders, against the baseline of its init point."""
    baseline = "vmalloc_per_page" if workload == "vmalloc" else "per_page"
    done = command(*SMALL, "--memory", "32M", "--workload", workload, baseline, "--json", "-")

    results = done.json["results"]
    assert done.status == 0
    assert {one["scene"] for one in results} == scenes
    assert {one["order"] for one in results} == orders
    assert {one["workload"] for one in results} == {workload}
    assert {one["baseline"]["strategy"] for one in results} == {baseline}
    assert workload in done.err


def test_the_baseline_is_there_without_being_named(command: Command) -> None:
    """Else there would be nothing to compare with."""
    done = command(*SMALL, "batched", "--json", "-")

    assert {one["strategy"] for one in done.json["results"]} == {"per_page", "batched"}


def test_the_rows_are_the_kernels_primitive_and_the_best(command: Command) -> None:
    """One alone where one was asked for; the first asked for is the baseline's."""

    def primitives(*asked: str) -> list[str]:
        options = [word for one in asked for word in ("--primitive", one)]
        done = command("bench", "--memory", "16M", "--rounds", "2", "per_page", "--json", "-", *options)
        results = {one["primitive"]: one for one in done.json["results"]}
        first = done.json["config"]["primitives"][0]
        assert {one["baseline"]["primitive"] for one in results.values()} == {first}
        return sorted(results)

    kernel = _core.resolve_primitive("kernel")
    assert primitives() == sorted((kernel, "best"))
    assert primitives("kernel") == [kernel]
    assert primitives("movq") == ["movq"]
    assert primitives("best", "movq") == ["best", "movq"]


def test_peers_stand_beside_the_strategies(command: Command) -> None:
    """In the same rounds, marked as peers."""
    done = command(*SMALL, "batched", "--peers", "--json", "-")

    peers = {one["strategy"] for one in done.json["results"] if one["peer"]}
    assert peers >= {"libc memset", "numpy fill"}
    assert "libc memset" in done.err


def test_highmem_is_mapped_page_by_page(command: Command) -> None:
    """Each page is a kmap, counted and priced; the default stack is among the rows."""
    done = command(*SMALL, "--memory", "64M", "--highmem", "32M", "--backing", "thp", "--json", "-")

    results = {one["strategy"]: one for one in done.json["results"]}
    assert done.status == 0
    assert set(results) >= {"per_page", "highmem_fallback", "batched+highmem_fallback"}
    for one in results.values():
        assert one["counters"]["kmaps"] == one["bytes"] // 4096
    assert "kmaps are counted, not timed" in done.err


def test_what_touches_the_blocks_stands_in_the_heading_and_the_json(command: Command) -> None:
    """A result without it would mislead."""
    done = command(*SMALL, "batched", "--touch", "all", "--hot", "--json", "-")

    assert "hugetlb, order 9, touch=all, hot: memory=16M" in done.err
    assert (done.json["config"]["touch"], done.json["config"]["hot"]) == ("all", True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--init-on-alloc"], "init_on_alloc=1"),
        (["--init-on-free"], "init_on_free=1"),
        (["--kasan", "generic"], "kasan=generic"),
        (["--backing", "base"], "backing=base"),
        (["--page-size", "16K", "--memory", "64M"], "page_size=16K"),
        (["--seed", "7"], "seed=7"),
    ],
)
def test_options_reach_the_machine(command: Command, options: list[str], words: str) -> None:
    """Its command line says so."""
    done = command(*SMALL, "batched", *options, "--json", "-")

    assert words in done.json["scenes"][0]["machine"].split()


def test_the_run_is_pinned_and_says_where(command: Command) -> None:
    """On the processor asked for, or the last; several threads are left free."""
    allowed = sorted(os.sched_getaffinity(0))

    asked = command(*SMALL, "per_page", "--cpu", allowed[0], "--json", "-").json
    last = command(*SMALL, "per_page", "--json", "-").json
    free = command(*SMALL, "per_page", "--threads", "2", "--json", "-").json

    assert [one["config"]["cpu"] for one in (asked, last, free)] == [allowed[0], allowed[-1], None]
    assert [one["environment"]["cpus_allowed"] for one in (asked, free)] == [[allowed[0]], allowed]


def test_a_kernel_style_file_is_measured(command: Command, tmp_path: Path) -> None:
    """The body of a patch, pasted; under the name it ends with, and its source is known by a hash."""
    path = tmp_path / "patch.c"
    path.write_text(KERNEL_STYLE)
    done = command(*SMALL, path, "--json", "-")

    (pasted,) = (one for one in done.json["results"] if one["strategy"] == "pasted")
    assert done.status == 0
    assert pasted["counters"]["clear_calls"] == pasted["counters"]["pages"]
    assert set(done.json["environment"]["sources"]) == {"per_page", "pasted"}


def test_a_python_file_is_marked_and_not_ranked(command: Command, tmp_path: Path) -> None:
    """It stands last, whatever its ratio."""
    path = tmp_path / "mine.py"
    path.write_text(PYTHON.format(body="pass"))
    done = command(*SMALL, path)

    assert done.status == 0
    assert re.search(r"^per_page.*\nmine \(interpreted\).*\n\(roofline\)", done.out, re.MULTILINE)


def test_a_stack_is_measured_as_one(command: Command) -> None:
    """Under its own name."""
    done = command(*SMALL, "batched+highmem_fallback", "--json", "-")

    assert {one["strategy"] for one in done.json["results"]} == {"per_page", "batched+highmem_fallback"}


# What is found wanting


def test_a_strategy_that_leaves_memory_dirty_is_found_wanting(command: Command, tmp_path: Path) -> None:
    """Its figures are not shown, and the line says where."""
    path = tmp_path / "half.c"
    path.write_text(in_c("clear_pages(page_address(page), n > 1 ? n - 1 : n);"))
    done = command(*SMALL, path)

    assert done.status == 1
    assert "mine (stosb) left memory dirty, first at byte 2093056 of a sample" in done.out
    assert re.search(r"^mine +stosb +dirty +0 +0$", done.out, re.MULTILINE)


@pytest.mark.parametrize("name", ["highmem_fallback", "vmalloc_runs"])
def test_a_named_strategy_that_passes_on_is_found_wanting(command: Command, name: str) -> None:
    """It was asked for, and could not; where nobody named it, it is only left out."""
    done = command(*SMALL, name)

    assert done.status == 1
    assert f"{name} left out: it claims nothing at the alloc init point here (zone NORMAL)" in done.out


def test_a_broken_installed_strategy_stops_nobody(command: Command, tmp_path: Path) -> None:
    """The others are measured; what became of it is told in full, and the status is 1."""
    (tmp_path / "crashing.c").write_text(in_c("*(volatile int *)8 = 1;", "crashing"))
    (tmp_path / "unfinished.c").write_text(in_c("folio_zero(page);", "unfinished"))
    done = command(*SMALL, "--plugins-dir", tmp_path)

    assert done.status == 1
    assert re.search(r"^batched +stosb +\d", done.out, re.MULTILINE)
    assert re.search(r"crashing .*SIGSEGV", done.out.replace("\n", " "))
    assert "folio_zero" in done.out
    assert command(*SMALL, "batched", "--plugins-dir", tmp_path).status == 0


# What cannot be done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["batchd"], r"unknown strategy 'batchd' \(did you mean 'batched'\?\): known are batched"),
        (["batched+batched"], "asks 'batched' twice"),
        (["gone.c"], r"no strategy file gone\.c: give a name, or the path"),
        (["--workload", "hugetbl"], r"unknown workload 'hugetbl' \(did you mean 'hugetlb'\?\): known are"),
        (["--primitive", "stosbb"], r"unknown primitive 'stosbb' \(did you mean 'stosb'\?\)"),
        (["--memory", "100T"], "memory=100T .*: with page_size=4K give from"),
        (["--memory", "3"], "memory=3 cannot be: give bytes in multiples of page_size=4K"),
        (["--memory", "1M"], "asked for 1024 pages .*: free some, or boot with more"),
        (["--memory", "much"], "'--memory': 'much' is no size: write a number"),
        (["--page-size", "3K"], "page_size=3K cannot be: give one of 4K, 16K, 64K"),
        (["--highmem", "16M"], "highmem=16M cannot be: no lowmem would remain"),
        (["--highmem", "1M"], "highmem=1M asked for, which holds no aligned chunk"),
        (["--seed", "-1"], "seed=-1 cannot be"),
        (["--cpu", "999"], "--cpu 999 asked for, allowed are .*: choose one of them"),
        (["--cpu", "0", "--threads", "2"], "--cpu 0 asked for with --threads 2, .*: leave one out"),
        (["--threads", "0"], "'--threads': 0 is not in the range"),
        (["--rounds", "1"], "'--rounds': 1 is not in the range"),
        (["--kasan", "software"], "'--kasan': 'software' is not one of"),
        (["--hots"], "No such option"),
        (["--workload", "churn", "--hot"], "hot=True asked for, which workload churn does not heed"),
        (["--workload", "vmalloc", "--memory", "32M", "--peers"], "--peers asked for, .*hugetlb or orders"),
        (["--json", "no/such/run.json"], "'--json': there is no directory no/such: create it first"),
        (["--json", "."], "'--json': . cannot be written"),
        (["--plugins-dir", "nowhere"], "'nowhere' does not exist"),
        (["-p", "batched"], "-p batched asked for, only -p no:NAME is known"),
        (["-p", "no:batchd"], r"no such plugin \(did you mean 'batched'\?\)"),
        (["-p", "no:batched", "batched"], "unknown strategy 'batched'"),
        (["-p", "no:workloads"], "unknown workload 'hugetlb': known are none"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_cannot_be_is_told_in_one_line(command: Command, arguments: list[str], said: str) -> None:
    """What was asked, what was found, what to do; and nothing was measured."""
    done = command(*SMALL, *arguments)

    assert done.status == 2
    assert re.search(said, done.line)


def test_more_memory_than_the_host_has_is_refused(command: Command) -> None:
    """Before anything of it is touched."""
    done = command(*SMALL, "--memory", f"{(available_memory() >> 30) + 64}G")

    assert done.status == 2
    assert re.search(r"memory=\d+G asked for, the host has \d+M available: boot with less", done.line)


def test_an_unsupported_primitive_names_the_supported(command: Command) -> None:
    """As CLZERO, which only AMD has."""
    lacking = [one["name"] for one in _core.primitives() if not one["supported"]]
    if not lacking:
        pytest.skip("this CPU can run every primitive")
    done = command("bench", "--primitive", lacking[0])

    assert done.status == 2
    assert re.search(
        f"primitive '{lacking[0]}' needs .*, which this CPU lacks: choose one of memset", done.line
    )


def test_a_backing_without_pages_says_what_else_to_take(command: Command) -> None:
    """Where the host keeps no hugetlb pool, as most do not."""
    meminfo = Path("/proc/meminfo").read_text()
    if not re.search(r"HugePages_Free: +0\n", meminfo):
        pytest.skip("the host has a hugetlb pool")
    done = command(*SMALL, "--backing", "hugetlb")

    assert done.status == 2
    assert "boot with backing=auto" in done.line


def test_compiler_errors_are_shown_as_they_are(command: Command, tmp_path: Path) -> None:
    """With file and line."""
    path = tmp_path / "mine.c"
    path.write_text(in_c("folio_zero(page);"))
    done = command(*SMALL, path)

    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"clearfw: {path} does not compile:\n{path}: In function")
    assert re.search(rf"^{re.escape(str(path))}:4:\d+: error: implicit declaration", done.err, re.MULTILINE)


WRONG_ABI = (
    "#include <clearfw/strategy.h>\n"
    "CLEARFW_EXPORT_ const struct clearfw_strategy clearfw_strategy = {\n"
    '\t.abi = CLEARFW_ABI + 1, .size = sizeof(clearfw_strategy), .name = "mine", .core = &clearfw_core,\n'
    "};\n"
)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("int x;\n", "exports no clearfw_strategy: end the file with CLEARFW_STRATEGY"),
        (WRONG_ABI, "has ABI 2, .*this clearfw has ABI 1"),
        (in_c("*(volatile int *)8 = 1;"), "mine .*SIGSEGV: nothing of it was timed"),
    ],
    ids=["no export", "wrong ABI", "segfault"],
)
def test_a_file_that_cannot_be_used_is_told_by_its_name(
    command: Command, tmp_path: Path, source: str, said: str
) -> None:
    """And not by the name of a file in the cache."""
    path = tmp_path / "mine.c"
    path.write_text(source)
    done = command(*SMALL, path)

    assert (done.status, done.out) == (2, "")
    assert re.search(f"^clearfw: .*mine.*{said}|^clearfw: {said}", done.err)
    assert str(path) in done.err or "SIGSEGV" in done.err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('of all things')", "mine raised RuntimeError: of all things"),
        ("pages.machine.alloc_pages(0)", "'mine' allocated or freed inside an init point"),
        ("raise SystemExit(3)", "mine raised SystemExit: 3"),
        ("import no_such_module", "mine raised ModuleNotFoundError"),
    ],
)
def test_what_a_python_file_does_wrong_is_told_in_one_line(
    command: Command, tmp_path: Path, body: str, said: str
) -> None:
    """With its name."""
    path = tmp_path / "mine.py"
    path.write_text(PYTHON.format(body=body))
    done = command(*SMALL, path)

    assert done.status == 2
    assert said in done.line


def test_a_python_file_that_fails_late_is_told_in_one_line(command: Command, tmp_path: Path) -> None:
    """In the middle of a round, where the preflight saw nothing."""
    path = tmp_path / "mine.py"
    path.write_text(PYTHON.format(body="self.n = getattr(self, 'n', 0) + 1; 1 / (self.n < 12)"))
    done = command(*SMALL, path)

    assert done.status == 2
    assert "mine raised ZeroDivisionError: division by zero" in done.line


def test_a_loop_without_an_end_is_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half a minute, which is half a second here."""
    path = tmp_path / "mine.c"
    path.write_text(in_c("for (;;)\n\tbarrier();"))
    monkeypatch.setattr(preflight, "check", functools.partial(preflight.check, deadline_s=0.5))
    done = command(*SMALL, path)

    assert done.status == 2
    assert "mine did not come back within 0.5 s" in done.line


def test_without_a_compiler_a_file_is_a_clear_error(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the shipped strategies do without, where they were built beforehand."""
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CC", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "mine.c"
    path.write_text(KERNEL_STYLE)
    prebuilt = (Path(clearfw_plugins.__file__).parent / "prebuilt").exists()

    assert command(*SMALL, path).status == 2
    assert "no C compiler: looked for cc, gcc and clang on PATH" in command(*SMALL, path).line
    assert command(*SMALL, "batched").status == (0 if prebuilt else 2)


# Plugins


def test_plugins_lists_what_is_installed(command: Command) -> None:
    """Names, versions, hooks and strategies, and all of it as JSON."""
    done = command("plugins")
    document = command("plugins", "--json", "-").json

    assert done.status == 0
    assert re.search(r"^per_page +\S+ +active +strategies +per_page", done.out, re.MULTILINE)
    assert document["schema"] == "clearfw.plugins/1"
    assert document["workloads"] == ["churn", "hugetlb", "orders", "vmalloc"]
    assert {"batched", "per_page"} <= set(document["strategies"])
    (batched,) = (one for one in document["plugins"] if one["name"] == "batched")
    assert (batched["status"], batched["strategies"]) == ("active", ["batched"])


def test_a_plugin_that_fails_is_listed_and_the_others_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By both commands: one lists it, the other says in a line that it is missing."""
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    listed = command("plugins", "--plugins-dir", tmp_path)
    timed = command(*SMALL, "batched", "--plugins-dir", tmp_path)

    assert listed.status == timed.status == 0
    assert re.search(r"^broken +\S+broken\.py +failed", listed.out.replace("\n", " "), re.MULTILINE) or (
        "broken failed: ModuleNotFoundError" in listed.out
    )
    assert timed.err.startswith("clearfw: plugin broken (")
    assert "No module named 'no_such_module'" in timed.err


def test_a_blocked_plugin_is_listed_as_such(command: Command) -> None:
    """And brings nothing."""
    document = command("plugins", "-p", "no:batched", "--json", "-").json

    (batched,) = (one for one in document["plugins"] if one["name"] == "batched")
    assert (batched["status"], batched["reason"]) == ("blocked", "-p no:batched")
    assert "batched" not in document["strategies"]


def test_garbage_in_the_environment_is_listed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry with what is wrong about it."""
    monkeypatch.setenv("CLEARFW_PLUGINS", "garbage,/no/such.c,,:,[/bold]")
    registry.default.cache_clear()
    try:
        done = command("plugins")
    finally:
        registry.default.cache_clear()

    assert done.status == 0
    for reason in ("garbage failed: ModuleNotFoundError", "such failed: no strategy file", "[/bold] failed:"):
        assert reason in done.out


def test_a_plugins_dir_brings_strategies(command: Command, tmp_path: Path) -> None:
    """C files and Python files, by name from then on."""
    (tmp_path / "pasted.c").write_text(KERNEL_STYLE)
    done = command(*SMALL, "pasted", "--plugins-dir", tmp_path)

    assert done.status == 0
    assert re.search(r"^pasted +stosb", done.out, re.MULTILINE)


def test_a_workload_that_is_not_one_is_told_what_it_lacks(command: Command, tmp_path: Path) -> None:
    """A plugin's own, with a name and no more."""
    (tmp_path / "mine.py").write_text(
        "from types import SimpleNamespace\nfrom clearfw import hookimpl\n"
        "@hookimpl\ndef clearfw_workloads():\n    return [SimpleNamespace(name='busy', point='alloc')]\n"
    )
    done = command(*SMALL, "--workload", "busy", "--plugins-dir", tmp_path)

    assert done.status == 2
    assert "workload busy has no heeds, scenes, open: write it as" in done.line


def test_a_forgotten_decorator_is_warned_of_in_one_line(command: Command, tmp_path: Path) -> None:
    """The commonest slip of a plugin author."""
    (tmp_path / "mine.py").write_text("def clearfw_strategies():\n    return []\n")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = command("plugins", "--plugins-dir", tmp_path)

    assert done.err.startswith("clearfw: warning: clearfw_strategies in plugin 'mine' is not marked")
    assert done.err.count("\n") == 1


# Help


def test_no_command_is_answered_with_help(command: Command) -> None:
    """On standard output, as for --help, with every command."""
    done = command()

    assert (done.status, done.err) == (0, "")
    assert done.out == command("--help").out
    for name in group.cli.commands:
        assert re.search(rf"^  {name} ", done.out, re.MULTILINE)


@pytest.mark.parametrize("arguments", [[], ["bench"], ["plugins"]], ids=str)
def test_help_fits_and_is_whole(
    command: Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns nothing runs over and no summary is cut."""
    monkeypatch.setenv("COLUMNS", "80")
    done = command(*arguments, "--help")

    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert "..." not in done.out.replace("[ARGS]...", "").replace("[STRATEGY|FILE.c]...", "")


def test_every_option_has_help() -> None:
    """A newcomer gets no bare names."""
    for name, one in group.cli.commands.items():
        for parameter in one.params:
            if parameter.param_type_name == "option":
                assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_the_version_is_told(command: Command) -> None:
    """That of the distribution."""
    done = command("--version")

    assert re.fullmatch(r"clearfw, version \d+\.\d+\.\d+\S*\n", done.out)


def test_an_unknown_command_gets_the_nearest(command: Command) -> None:
    """In one line."""
    done = command("benhc")

    assert done.status == 2
    assert "No such command 'benhc'" in done.line


@pytest.mark.parametrize("columns", [40, 80, 140])
@pytest.mark.parametrize(
    "arguments", [["--highmem", "32M", "--backing", "thp"], ["--workload", "vmalloc"]], ids=str
)
def test_no_table_cuts_a_number(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], columns: int
) -> None:
    """On a narrow terminal as on a wide one; below 80 columns it runs over instead."""
    monkeypatch.setenv("COLUMNS", str(columns))
    done = command(*SMALL, "--memory", "64M", *arguments)

    assert done.status == 0
    assert "…" not in done.out
    assert max(map(len, done.out.splitlines())) <= max(columns, 80)


# The process


def test_an_interrupt_prints_what_was_measured(tmp_path: Path) -> None:
    """Whole rounds of it, in the table and in the JSON; the status is that of an interrupt."""
    marker, path, saved = tmp_path / "marker", tmp_path / "mine.py", tmp_path / "run.json"
    count = f"self.n = getattr(self, 'n', 0) + 1; self.n == 60 and open({str(marker)!r}, 'w').close()"
    path.write_text(PYTHON.format(body=count))
    process = program(*SMALL, path, "--rounds", "1000000", "--json", saved)
    wait_for(marker)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    document = json.loads(saved.read_text())
    rounds = document["scenes"][0]["rounds"]
    assert done.status == 130
    assert f"interrupted after {rounds} whole rounds" in done.out.replace("\n", " ")
    assert document["scenes"][0]["interrupted"]
    assert {one["rounds"] + one["rounds_thrown_out"] for one in document["results"]} == {rounds}


def test_an_interrupt_before_anything_was_measured_says_so(tmp_path: Path) -> None:
    """And leaves no child behind that holds on to the output."""
    marker, path = tmp_path / "marker", tmp_path / "mine.py"
    path.write_text(PYTHON.format(body=f"open({str(marker)!r}, 'w').close()\n        while True: pass"))
    process = program(*SMALL, path)
    wait_for(marker)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    assert (done.status, done.out) == (130, "")
    assert done.err.strip() == "clearfw: interrupted before anything was measured"


@pytest.mark.parametrize(
    "arguments", [["plugins"], ["plugins", "--json", "-"], [*SMALL, "per_page"]], ids=str
)
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    """As in `| head -1`: it ends as other tools do, without a word."""
    process = program(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (-signal.SIGPIPE, "")


def test_a_limited_address_space_is_a_clear_error() -> None:
    """RLIMIT_AS too small for the memory asked for."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (600 << 20, resource.RLIM_INFINITY))"
    done = finished(program(*SMALL, "--memory", "1G", before=limited))

    assert done.status == 2
    assert "memory=1G asked for, RLIMIT_AS is 600M: raise it" in done.line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_needs_no_privilege_and_no_home() -> None:
    """As nobody, who cannot write the cache: it works, and says that it compiles anew each time."""
    # A first run imports what is imported late: the interpreter itself may be for root alone.
    become = f"""
import contextlib, io, os
from clearfw.cli import group
with contextlib.redirect_stdout(io.StringIO()):
    group.run([*{SMALL}, "batched"])
os.environ["HOME"] = "/nonexistent"
del os.environ["CLEARFW_CACHE_DIR"]
try:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
except OSError:
    os._exit(77)
"""
    done = finished(program(*SMALL, "batched", before=become))
    if done.status == 77:
        pytest.skip("this root cannot become somebody else")

    assert done.status == 0
    assert re.search(r"^batched +stosb", done.out, re.MULTILINE)
    assert not done.err or "cannot write the cache" in done.err


@pytest.mark.parametrize("module", ["click", "rich"])
def test_a_missing_requirement_of_the_command_line_is_named(module: str) -> None:
    """With what to install; the library does without."""
    blocked = f"import sys; sys.modules[{module!r}] = None"
    done = finished(program("plugins", before=blocked))

    assert done.status == 2
    assert done.line == (
        f"the command line needs {module}, which is not installed: pip install 'clearfw[cli]'"
    )
    subprocess.run([sys.executable, "-c", f"{blocked}; import clearfw"], check=True)


def test_help_imports_nothing_heavy() -> None:
    """It is read often."""
    heavy = ["numpy", "rich", "clearfw.measurement", "clearfw.report"]
    code = (
        "import sys; from clearfw.cli import group; group.run(['--help']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
