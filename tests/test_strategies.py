"""Strategies in C and in Python, where they come from, and stacks of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import attrs
import clearfw_plugins
import pluggy
import pytest

from clearfw import hookspecs
from clearfw.config import Config, Kasan
from clearfw.errors import StrategyError, UnknownStrategyError
from clearfw.markers import hookimpl
from clearfw.registry import load
from clearfw.strategies import (
    NativePlugin,
    NativeStrategy,
    Primitive,
    PythonStrategy,
    as_strategy,
    from_file,
    implements_init_point,
    import_file,
    parse_stack,
    told_apart,
)
from clearfw.toolchain.compiler import FLAGS, INCLUDE_DIR, defines, find_compiler

SHIPPED = Path(clearfw_plugins.__file__).parent

PYTHON = '''
from clearfw.hookspecs import hookimpl

class Mine:
    """Clears nothing.

    At length.
    """
    @hookimpl
    def clearfw_init_on_alloc(self, pages):
        return None
'''


@attrs.define
class Handle:
    """Stands in for the core's NativeStrategyHandle: answers from a table, and notes what it was asked."""

    answers: dict[str, bool | None]
    asked: list[tuple[str, object]] = attrs.field(factory=list)

    @property
    def points(self) -> frozenset[str]:
        """The init points it implements."""
        return frozenset(self.answers)

    def ask(self, point: str, pages: object) -> bool | None:
        """Return the answer for POINT."""
        self.asked.append((point, pages))
        return self.answers[point]


def native(name: str, **options: bool) -> NativeStrategy:
    """Return a strategy in C whose file is never read."""
    return NativeStrategy(name, Path(f"{name}.c"), "for a test", **options)


def plugin(handle: Handle, **options: bool) -> NativePlugin:
    """Return what a machine would register for HANDLE."""
    return NativePlugin(native("mine", **options), handle)  # type: ignore[arg-type]


@pytest.fixture
def manager() -> pluggy.PluginManager:
    """A manager that knows the init points, as a machine's does."""
    manager = pluggy.PluginManager("clearfw")
    manager.add_hookspecs(hookspecs.InitPoints)
    return manager


KNOWN = {name: native(name) for name in ("batched", "highmem_fallback", "per_page")}


def test_a_native_plugin_implements_what_its_file_implements(manager: pluggy.PluginManager) -> None:
    """A strategy has a hookimpl only for the init points that it serves."""
    registered = plugin(Handle({"alloc": True, "vmalloc": True}))
    manager.register(registered)

    hooks = {caller.name for caller in manager.get_hookcallers(registered) or ()}

    assert {"clearfw_init_on_alloc", "clearfw_init_on_vmalloc"} == hooks


@pytest.mark.parametrize(("point", "argument"), [("alloc", "pages"), ("free", "pages"), ("vmalloc", "area")])
def test_a_native_plugin_asks_the_c_function(
    manager: pluggy.PluginManager, point: str, argument: str
) -> None:
    """What the hook is given reaches the function of that point, and True comes back."""
    handle = Handle({"alloc": True, "free": True, "vmalloc": True})
    manager.register(plugin(handle))
    pages = object()

    assert getattr(manager.hook, f"clearfw_init_on_{point}")(**{argument: pages}) is True
    assert [(point, pages)] == handle.asked


@pytest.mark.parametrize("answer", [False, None])
def test_a_c_function_that_returns_false_passes_on(
    manager: pluggy.PluginManager,
    answer: bool | None,  # noqa: FBT001  (a value to return)
) -> None:
    """False from C is None to pluggy, which would take anything else for a claim."""
    last = Handle({"alloc": True})
    manager.register(plugin(last), "last")
    manager.register(plugin(Handle({"alloc": answer})), "first")

    assert manager.hook.clearfw_init_on_alloc(pages="pages") is True
    assert last.asked == [("alloc", "pages")]


def test_a_native_implementation_can_be_recognised() -> None:
    """Each carries its handle, by which a machine calls it without pluggy."""
    handle = Handle({"free": True})
    registered = plugin(handle)

    assert registered.clearfw_init_on_free.native_handle is handle  # type: ignore[attr-defined]
    assert registered.native_handle is handle


def test_tryfirst_and_trylast_are_pluggys(manager: pluggy.PluginManager) -> None:
    """They place a strategy whatever the order of registration."""
    manager.register(plugin(Handle({"alloc": True}), tryfirst=True), "first")
    manager.register(plugin(Handle({"alloc": True})), "middle")
    manager.register(plugin(Handle({"alloc": True}), trylast=True), "last")

    order = [impl.plugin_name for impl in reversed(manager.hook.clearfw_init_on_alloc.get_hookimpls())]

    assert order == ["first", "middle", "last"]


def test_a_c_file_goes_by_the_name_it_ends_with(tmp_path: Path) -> None:
    """CLEARFW_STRATEGY() names it; a comment that speaks of it does not; else the file does."""
    path = tmp_path / "file.c"
    path.write_text("/*\n * CLEARFW_STRATEGY(wrong)\n */\nCLEARFW_STRATEGY(mine, .init_on_alloc = f);\n")
    assert from_file(path).name == "mine"

    path.write_text("MY_OWN_MACRO(mine);\n")
    assert from_file(path).name == "file"
    assert from_file(path).interpreted is False


@pytest.mark.parametrize(
    "more",
    [
        "",
        "mine = Mine()\n",
        "@hookimpl\ndef clearfw_strategies():\n    return [Mine()]\n",
    ],
    ids=["class", "instance", "hook"],
)
def test_a_python_file_defines_one_strategy(tmp_path: Path, more: str) -> None:
    """As a class, an instance or through the hook; without a name it goes by the file's."""
    path = tmp_path / "mine.py"
    path.write_text(PYTHON + more)

    strategy = from_file(path)

    assert isinstance(strategy, PythonStrategy)
    assert (strategy.name, strategy.summary, strategy.interpreted) == ("mine", "Clears nothing.", True)
    assert strategy.plugin(Config()) is strategy.implementation
    assert strategy.source == path


def test_a_python_file_may_be_the_strategy_itself(tmp_path: Path) -> None:
    """Hooks at the top of the module, and a name beside them."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from clearfw.hookspecs import hookimpl\nname = 'other'\n"
        "@hookimpl\ndef clearfw_init_on_free(pages): return None\n"
    )

    assert from_file(path).name == "other"
    assert from_file(path).source == path


@pytest.mark.parametrize(
    ("text", "defined"),
    [("x = 1\n", "none"), (f"{PYTHON}\nclass Other(Mine):\n    name = 'other'\n", "mine, other")],
)
def test_a_python_file_with_none_or_several_is_refused(tmp_path: Path, text: str, defined: str) -> None:
    """The message says what was found instead of one."""
    path = tmp_path / "mine.py"
    path.write_text(text)

    with pytest.raises(StrategyError, match=f"must define one strategy, but defines {defined}"):
        from_file(path)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    """It names the file, and what may be given."""
    with pytest.raises(StrategyError, match=r"no strategy file .*gone\.c: give a name, or the path"):
        from_file(tmp_path / "gone.c")


def test_a_python_file_that_fails_leaves_no_module_behind(tmp_path: Path) -> None:
    """Its exception comes through, and sys.modules is as before."""
    path = tmp_path / "mine.py"
    path.write_text("1 / 0\n")
    before = set(sys.modules)

    with pytest.raises(ZeroDivisionError, match="division by zero"):
        import_file(path)
    assert before == set(sys.modules)


def test_a_file_that_python_cannot_import_is_refused(tmp_path: Path) -> None:
    """The message says which kind of file it takes."""
    path = tmp_path / "mine.txt"
    path.touch()

    with pytest.raises(StrategyError, match=r"mine\.txt cannot be imported: give the path of a \.py file"):
        import_file(path)


def test_a_class_for_an_instance_is_told_so() -> None:
    """The commonest slip gets a message of its own."""

    class Mine:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: object) -> None: ...

    with pytest.raises(StrategyError, match=r"Mine is a class, .*: write Mine\(\)"):
        as_strategy(Mine, "mine")


def test_an_object_without_hooks_is_no_strategy() -> None:
    """The message names the hooks it could have."""
    with pytest.raises(StrategyError, match=r"'batched' is not a strategy: .*clearfw_init_on_alloc"):
        as_strategy("batched", "mine")


def test_a_hook_under_another_name_counts() -> None:
    """Pluggy's specname is followed."""

    class Mine:
        @hookimpl(specname="clearfw_init_on_free")
        def clear(self, pages: object) -> None: ...

    assert implements_init_point(Mine())
    assert as_strategy(Mine(), "mine").name == "mine"


def test_a_strategy_from_nowhere_has_no_source() -> None:
    """As in an interactive session."""
    module = ModuleType("typed_in")

    assert PythonStrategy("mine", module, "").source is None


@pytest.mark.parametrize("name", ["", "a+b", "a b", "a/b"])
def test_a_name_must_fit_into_a_stack(name: str) -> None:
    """What a stack could not spell is refused where it is made."""
    with pytest.raises(StrategyError, match="cannot be used in a stack"):
        native(name)


def test_a_stack_is_first_asked_first() -> None:
    """Its elements keep their order."""
    stack = parse_stack("batched + highmem_fallback", KNOWN)

    assert (KNOWN["batched"], KNOWN["highmem_fallback"]) == stack


def test_a_stack_may_hold_files(tmp_path: Path) -> None:
    """A path can be used like a name; a path with a + in it must be the whole stack."""
    path = tmp_path / "mine.c"
    path.write_text("CLEARFW_STRATEGY(mine);\n")
    plus = tmp_path / "c++" / "plus.c"
    plus.parent.mkdir()
    plus.write_text("CLEARFW_STRATEGY(plus);\n")

    assert [one.name for one in parse_stack(f"{path}+batched", KNOWN)] == ["mine", "batched"]
    assert [one.name for one in parse_stack(str(plus), KNOWN)] == ["plus"]


def test_an_unknown_name_gets_the_nearest() -> None:
    """So that a slip of the fingers costs one more look."""
    with pytest.raises(UnknownStrategyError, match=r"'bached' \(did you mean 'batched'\?\)"):
        parse_stack("bached+per_page", KNOWN)


def test_a_stack_asks_nobody_twice(tmp_path: Path) -> None:
    """Neither by its name nor by its file."""
    with pytest.raises(StrategyError, match="names 'batched' twice"):
        parse_stack("batched+per_page+batched", KNOWN)

    path = tmp_path / "mine.c"
    path.write_text("CLEARFW_STRATEGY(mine);\n")
    with pytest.raises(StrategyError, match="names 'mine' twice"):
        parse_stack(f"{path}+{path}", KNOWN)


def test_a_file_is_told_apart_from_others_of_its_name(tmp_path: Path) -> None:
    """By itself, behind a colon; what is installed keeps its name, and so does the only file of a name."""
    mine, other, alone = (tmp_path / f"{stem}.c" for stem in ("mine", "other", "alone"))
    for path, name in ((mine, "batched"), (other, "batched"), (alone, "alone")):
        path.write_text(f"CLEARFW_STRATEGY({name});\n")

    stack = parse_stack(f"batched+{mine}+{other}+{alone}", KNOWN)

    assert [one.name for one in stack] == ["batched", f"batched:{mine}", f"batched:{other}", "alone"]
    assert stack[0] is KNOWN["batched"]


def test_strategies_of_several_stacks_are_told_apart(tmp_path: Path) -> None:
    """One file is one strategy, at every place in a stack."""
    mine, other = tmp_path / "mine.c", tmp_path / "other.c"
    for path in (mine, other):
        path.write_text("CLEARFW_STRATEGY(same);\n")
    stacks = told_apart([parse_stack(str(path), KNOWN) for path in (mine, other, mine)], KNOWN)

    assert [one.name for (one,) in stacks] == [f"same:{mine}", f"same:{other}", f"same:{mine}"]


@pytest.mark.parametrize("page_shift", [12, 14, 16])
@pytest.mark.parametrize("highmem", [0, 1 << 30])
@pytest.mark.parametrize("kasan", ["off", "generic", "sw_tags", "hw_tags"])
def test_the_shipped_files_compile_without_a_warning(page_shift: int, highmem: int, kasan: Kasan) -> None:
    """For every configuration a machine can boot with, -Wextra included."""
    options = Config(memory=2 << 30, page_size=1 << page_shift, highmem=highmem, kasan=kasan).kernel_options()
    command = [*find_compiler().command, *FLAGS, "-Wextra", "-Werror", "-fsyntax-only", f"-I{INCLUDE_DIR}"]
    sources = sorted(map(str, SHIPPED.glob("*.c")))

    done = subprocess.run(
        [*command, *defines(options), *sources], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("batched", {"alloc", "free"}),
        ("highmem_fallback", {"alloc", "free"}),
        ("per_page", {"alloc", "free"}),
        ("s390_memset", {"alloc", "free"}),
        ("vmalloc_contiguous", {"vmalloc"}),
        ("vmalloc_per_page", {"vmalloc"}),
        ("vmalloc_runs", {"vmalloc"}),
    ],
)
def test_the_core_loads_the_shipped_strategies(name: str, points: set[str]) -> None:
    """Under the name the plugin gives them, with the init points they are for."""
    handle = from_file(SHIPPED / f"{name}.c").plugin(Config()).native_handle  # type: ignore[attr-defined]

    assert (name, points) == (handle.name, handle.points)
    assert (name == "batched") is handle.bulk


def test_the_core_loads_the_shipped_primitive() -> None:
    """Under the name the plugin gives it."""
    assert Primitive("prefetchw", SHIPPED / "prefetchw.c", "").load() == "prefetchw"


def test_each_shipped_plugin_names_its_file_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name a plugin offers is the one its C file ends with."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])

    strategies = load(plugins_dir=SHIPPED).strategies

    assert {"per_page", "vmalloc_per_page"} == {one.name for one in strategies.values() if one.baseline}
    for strategy in strategies.values():
        assert strategy.source is not None
        assert from_file(strategy.source).name == strategy.name
