"""Two object files compared as scripts/bloat-o-meter compares them."""

from __future__ import annotations

from clearfw.size import bloat
from clearfw.size.symbols import Symbol


def symbols(**nbytes: int) -> dict[str, Symbol]:
    """Return symbols of these sizes."""
    return {name: Symbol(name, size, code=True) for name, size in nbytes.items()}


OLD = symbols(kernel_init_pages=164, post_alloc_hook=400, free_pages_prepare=300, unchanged=10, smaller=50)
NEW = symbols(post_alloc_hook=564, free_pages_prepare=428, unchanged=10, smaller=48, added=8)


def test_the_text_is_what_bloat_o_meter_prints() -> None:
    """Counts, columns of 40 and 7, the largest growth first, "-" for what is not there, and the total."""
    assert bloat.text(bloat.compare(OLD, NEW)).splitlines() == [
        "add/remove: 1/1 grow/shrink: 2/1 up/down: 300/-166 (134)",
        "Function                                     old     new   delta",
        "post_alloc_hook                              400     564    +164",
        "free_pages_prepare                           300     428    +128",
        "added                                          -       8      +8",
        "smaller                                       50      48      -2",
        "kernel_init_pages                            164       -    -164",
        "Total: Before=924, After=1058, chg +14.50%",
    ]


def test_nothing_changed_is_no_row() -> None:
    """The same twice: no function is named, and the total stays."""
    found = bloat.compare(OLD, OLD)

    assert (found.changes, found.net) == ((), 0)
    assert bloat.text(found).splitlines()[0] == "add/remove: 0/0 grow/shrink: 0/0 up/down: 0/0 (0)"
    assert bloat.text(found).endswith("chg +0.00%")


def test_an_empty_file_has_a_total() -> None:
    """Against nothing at all, a percentage is not divided by zero."""
    assert bloat.text(bloat.compare({}, symbols(a=4))).endswith("Total: Before=0, After=4, chg +0.00%")
