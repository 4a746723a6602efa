"""What the command line cannot do: one line on standard error, and exit status 2."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import clearfw_plugins
import pytest
from support.commands import KERNEL_STYLE, PYTHON, SMALL, Command, in_c

from clearfw import _core
from clearfw.bench import preflight
from clearfw.host import available_memory


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["batchd"], r"unknown strategy 'batchd' \(did you mean 'batched'\?\): known are batched"),
        (["batched+batched"], "names 'batched' twice"),
        (["gone.c"], r"no strategy file gone\.c: give a name, or the path"),
        (["--workload", "hugetbl"], r"unknown workload 'hugetbl' \(did you mean 'hugetlb'\?\): known are"),
        (["--primitive", "stosbb"], r"unknown primitive 'stosbb' \(did you mean 'stosb'\?\)"),
        (["--memory", "100T"], "memory=100T .*: with page_size=4K give from"),
        (["--memory", "3"], "memory=3 is not valid: give bytes in multiples of page_size=4K"),
        (["--memory", "1M"], "no free block of 1024 pages .*: free some, or boot with more"),
        (["--memory", "much"], "'--memory': 'much' is not a size: write a number"),
        (["--page-size", "3K"], "page_size=3K is not valid: give one of 4K, 16K, 64K"),
        (["--highmem", "16M"], "highmem=16M is not valid: no lowmem would remain"),
        (["--highmem", "1M"], "highmem=1M is too small for an aligned chunk"),
        (["--seed", "-1"], "seed=-1 is not valid"),
        (["--cpu", "999"], "--cpu 999 is not among the processors .*: choose one of"),
        (["--cpu", "0", "--threads", "2"], "--cpu 0 and --threads 2 .*: leave one"),
        (["--threads", "0"], "'--threads': 0 is not in the range"),
        (["--rounds", "1"], "'--rounds': 1 is not in the range"),
        (["--kasan", "software"], "'--kasan': 'software' is not one of"),
        (["--hots"], "No such option"),
        (["--workload", "churn", "--hot"], "hot=True is not supported by workload churn, only"),
        (
            ["--workload", "vmalloc", "--memory", "32M", "--peers"],
            "--peers does not work .*hugetlb or orders",
        ),
        (["--json", "no/such/run.json"], "'--json': the directory no/such does not exist: create it first"),
        (["--json", "."], "'--json': . cannot be written"),
        (["--plugins-dir", "nowhere"], "'nowhere' does not exist"),
        (["-p", "batched"], "-p batched is not of the form -p no:NAME"),
        (["-p", "no:batchd"], r"names no plugin \(did you mean 'batched'\?\)"),
        (["-p", "no:batched", "batched"], "unknown strategy 'batched'"),
        (["-p", "no:workloads"], "unknown workload 'hugetlb': known are none"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_cannot_be_is_told_in_one_line(command: Command, arguments: list[str], said: str) -> None:
    """The message says what was asked for, what was found and what to do; nothing was measured."""
    done = command(*SMALL, *arguments)

    assert done.status == 2
    assert re.search(said, done.line)


def test_more_memory_than_the_host_has_is_refused(command: Command) -> None:
    """Before anything of it is touched."""
    done = command(*SMALL, "--memory", f"{(available_memory() >> 30) + 64}G")

    assert done.status == 2
    assert re.search(r"memory=\d+G is too much, the host has \d+M available: boot with less", done.line)


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
        (WRONG_ABI, "has ABI 3, .*this clearfw has ABI 2"),
        (in_c("*(volatile int *)8 = 1;"), "mine .*SIGSEGV, so it was not timed"),
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
