"""Mutants: each operator on a tiny source, what is equivalent, what is told."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from checks.mutation import equivalent, faults, narrowed, operators, report
from checks.mutation.__main__ import mutants, sample, strategies
from checks.mutation.judge import CAUGHT, EQUIVALENT, STILLBORN, SURVIVED, Verdict, ask, judge
from checks.mutation.source import Mutant, Source

VALID = Path(__file__).parent / "valid"
BODY = """#include <clearfw/strategy.h>

static void init_pages(struct page *page, int numpages)
{
	%s
}

CLEARFW_STRATEGY(tiny, .kernel_init_pages = init_pages);
"""
LOOP = BODY % "for (int i = 0; i < numpages; i++)\n\t\tclear_highpage_kasan_tagged(page + i);"
TWO_POINTS = """#include <clearfw/strategy.h>

static void clear_one(struct page *page)
{
	clear_highpage_kasan_tagged(page);
}

static bool init_pages(struct page *page, int numpages)
{
	while (numpages--)
		clear_one(page + numpages);
	return true;
}

CLEARFW_STRATEGY(tiny, .init_on_alloc = init_pages, .init_on_free = init_pages);
"""


def source(text: str) -> Source:
    """Return TEXT as a strategy."""
    return Source.of(Path("tiny.c"), text.encode())


def changed_lines(mutant: Mutant) -> list[str]:
    """Return the lines that a mutant has and its original has not, without blanks around them."""
    was = mutant.original.decode().splitlines()
    return [line.strip() for line in mutant.text.decode().splitlines() if line not in was]


def made(body: str, operator: str) -> list[str]:
    """Return what OPERATOR makes of a function of one line."""
    found = [one for one in operators.mutants(source(BODY % body)) if one.operator == operator]
    return [" ".join(changed_lines(one)) for one in found]


@pytest.mark.parametrize(
    ("body", "operator", "wanted"),
    [
        ("clear_page(page);", "statement deleted", [";"]),
        ('__asm__ volatile("sfence" ::: "memory");', "statement deleted", [";"]),
        ("if (page) return;", "statement deleted", ["if (page) ;"]),
        ("if (page) f();", "condition negated", ["if (!((page))) f();"]),
        ("if (page) f();", "condition never true", ["if (false) f();"]),
        ("f(a < b);", "relation swapped", ["f(a <= b);", "f(a > b);"]),
        ("f(a == b);", "relation swapped", ["f(a != b);"]),
        ("f(a && b);", "and for or", ["f(a || b);"]),
        ("f(a < b);", "bound off by one", ["f(a < (b + 1));", "f(a < (b - 1));"]),
        (
            "clear_pages(at, n);",
            "count off by one",
            ["clear_pages(at, (n) + 1);", "clear_pages(at, (n) - 1);"],
        ),
        ("memset(at, 0, n);", "one for the count", ["memset(at, 0, 1);"]),
        ("f(a + b);", "arithmetic swapped", ["f(a - b);"]),
        ("a += b;", "arithmetic swapped", ["a -= b;"]),
        ("f(kasan_reset_tag(at));", "kasan_reset_tag() replaced", ["f((void *)(at));"]),
        ("f(PageHighMem(page));", "PageHighMem() replaced", ["f(!PageHighMem(page));"]),
        ("f(PageHighMem(page));", "test never true", ["f(0);"]),
        ("clear_highpage_kasan_tagged(p);", "clear_highpage_kasan_tagged() replaced", ["clear_highpage(p);"]),
        ("f(DIV_ROUND_UP(n, d));", "rounded down", ["f((n / d));"]),
        ("f(8);", "constant plus one", ["f((8 + 1));"]),
        ("f(0);", "constant minus one", []),
        ("f(PAGE_SIZE);", "page size of x86", ["f(4096UL);"]),
        ("f(IS_ENABLED(CONFIG_HIGHMEM));", "another option", ["f(IS_ENABLED(CONFIG_KASAN));"]),
        ("f(true);", "true for false", ["f(false);"]),
        ("unsigned long n = 1;", "type narrowed", ["unsigned int n = 1;", "unsigned short n = 1;"]),
    ],
)
def test_operator(body: str, operator: str, wanted: list[str]) -> None:
    """An operator makes just these mutants of a line."""
    assert made(body, operator) == wanted


@pytest.mark.parametrize("line", ["prefetchw(at);", "cpu_relax();", "__atomic_fetch_add(&calls, 1, 0);"])
def test_what_is_not_cleared_is_left_alone(line: str) -> None:
    """Whoever drops a prefetch or a counter has made nothing wrong."""
    assert made(line, "statement deleted") == []
    assert made(line, "constant plus one") == []


def test_macros_are_changed_too() -> None:
    """A number in a #define is a constant like any other."""
    found = list(operators.constants_in_macros(source("#define UNIT (1 << 18)\n")))

    assert [b"(1 + 1)" in one.text or b"(1 - 1)" in one.text for one in found] == [True, True, False, False]


def test_a_mutant_for_one_init_point_leaves_the_other_as_it_was() -> None:
    """The whole way down is copied, and one member alone takes the copy."""
    right = source(TWO_POINTS)
    wrong = next(one for one in operators.mutants(right) if one.operator == "statement deleted")
    alloc, free = narrowed.mutants(right, wrong)

    assert ".init_on_alloc = init_pages_mutated, .init_on_free = init_pages)" in alloc.text.decode()
    assert ".init_on_alloc = init_pages, .init_on_free = init_pages_mutated)" in free.text.decode()
    assert "clear_one_mutated(page + numpages)" in alloc.text.decode()
    assert TWO_POINTS.partition("CLEARFW_STRATEGY")[0] in alloc.text.decode()
    assert alloc.line == wrong.line


def test_one_init_point_needs_no_mutant_of_its_own() -> None:
    """Where one member alone reaches what was changed, the mutant itself is the narrow one."""
    right = source(LOOP)

    assert not [one for wrong in operators.mutants(right) for one in narrowed.mutants(right, wrong)]


def test_faults_are_made_at_every_init_point() -> None:
    """Each member has each fault, and what the strategy did comes after it."""
    found = list(faults.mutants(source(TWO_POINTS)))
    sleeping = next(one for one in found if one.operator == "sleeps from order 5 on (init_on_free)")

    assert {one.operator.rpartition(" ")[2] for one in found} == {"(init_on_alloc)", "(init_on_free)"}
    assert len({one.text for one in found}) == len(found) > 200
    assert changed_lines(sleeping) == [
        "static bool faulty_init_pages(struct page *page, int numpages)",
        "if (numpages && (numpages >= 32)) {",
        "might_sleep();",
        "}",
        "return init_pages(page, numpages);",
        "CLEARFW_STRATEGY(tiny, .init_on_alloc = init_pages, .init_on_free = faulty_init_pages);",
    ]


@pytest.mark.parametrize(
    "name", ["list_runs.c", "vmalloc_leaf_at_a_time.c", "merged_helper.c", "clzero_lines.c"]
)
def test_faults_compile(name: str) -> None:
    """Blocks, lists and areas, claims that are void or bool: every fault is C."""
    found = [one for one in faults.mutants(Source.read(VALID / name)) if " always (" in one.operator]

    assert found
    for one in found:
        assert equivalent.code_of(one.text, ("PAGE_SHIFT=12",))


def test_the_id_is_of_what_is_compiled() -> None:
    """Comments and blanks do not change it, a token does."""
    one = Mutant(Path("tiny.c"), "any", 1, b"", LOOP.encode())
    spaced = Mutant(Path("tiny.c"), "any", 1, b"", LOOP.replace("i++)", "i++) /* all */ ").encode())
    other = Mutant(Path("tiny.c"), "any", 1, b"", LOOP.replace("i = 0", "i = 1").encode())

    assert one.id == spaced.id != other.id


def test_the_compiler_tells_what_is_the_same() -> None:
    """A blank changes no code, nor does it at one init point; one page more or less does."""
    same = source(LOOP).replaced("none", source(LOOP).functions()[0], LOOP[31:-58].strip().encode())
    wrong = next(one for one in operators.mutants(source(LOOP)) if one.operator == "bound off by one")

    narrow = attrs.evolve(same, text=b"other", everywhere=same.text)

    assert "same code" in equivalent.why(same, ())
    assert "same code" in equivalent.why(narrow, ())
    assert equivalent.why(wrong, ()) == ""


def test_rules_are_read_and_hold_for_what_they_name(tmp_path: Path) -> None:
    """By id for one mutant; by strategy, line and operator for several."""
    wrong = next(one for one in operators.mutants(source(LOOP)) if one.operator == "bound off by one")
    file = tmp_path / "equivalent.toml"
    file.write_text(
        f'[[equivalent]]\nstrategy = "tiny.c"\nid = "{wrong.id}"\nreason = "by id"\n'
        f'[[equivalent]]\nstrategy = "tiny.c"\nline = "{wrong.changed}"\nreason = "by line"\n'
        'operators = ["relation swapped"]\n'
    )
    by_id, by_line = equivalent.recorded(file)

    assert by_id.holds(wrong)
    assert not by_line.holds(wrong)
    assert [one.operator for one in operators.mutants(source(LOOP)) if by_line.holds(one)] == [
        "relation swapped"
    ] * 2


def test_every_recorded_rule_has_a_reason_and_still_holds() -> None:
    """A rule about a line that is gone, or a mutant that is no longer made, is to go as well."""
    of_strategy = {path.name: path for path in strategies()}
    for rule in equivalent.recorded():
        every = mutants([of_strategy[rule.strategy]])

        assert len(rule.reason.split()) > 2
        assert any(rule.holds(one) for one in every), rule


def test_a_sample_repeats_and_has_of_every_family() -> None:
    """The same seed draws the same mutants, a third of them of each family."""
    every = list(mutants([VALID / "list_runs.c"]))
    once = sample(every, 30, 7)

    assert once == sample(every, 30, 7) != sample(every, 30, 8)
    assert len(once) == 30
    assert {one.family for one in once} == {one.family for one in every}


def test_a_wrong_one_is_caught_and_a_right_one_survives() -> None:
    """The verdict is the check's."""
    path = VALID / "vmalloc_backwards.c"
    right = path.read_bytes()
    wrong = Mutant(path, "any", 1, right, right.replace(b"left--", b"--left"))
    refused = Mutant(path, "any", 1, right, right.replace(b"left--", b"left-"))

    assert judge(wrong).status == CAUGHT
    assert judge(refused).status == STILLBORN
    assert ask(Mutant(path, "as it is", 1, right, right)).status == SURVIVED


def test_the_report_shows_survivors_and_why_others_are_equivalent() -> None:
    """Survivors as diffs, equivalents with the reason, the share of those that are wrong."""
    one = next(operators.mutants(source(LOOP)))
    verdicts = [
        Verdict(one, CAUGHT, "zero_on_alloc", "left"),
        Verdict(one, SURVIVED),
        Verdict(one, EQUIVALENT, said="because"),
        Verdict(one, STILLBORN),
    ]
    told = "\n".join(report.lines(verdicts, []))

    assert report.share(verdicts) == 0.5
    assert one.diff() in told
    assert "because" in told
    assert told.endswith(
        "2 wrong: 1 caught (50.00%), 1 survived; 1 more are equivalent, 1 do not compile; 0 false alarms"
    )
    assert report.to_json(verdicts, [], 1, 9)["survived"] == 1
