"""Patches as they come from a mailing list, and what they make of a tree's files."""

from __future__ import annotations

import base64
import quopri
from typing import TYPE_CHECKING

import pytest

from clearfw.errors import PatchError
from clearfw.kernel_tree import patches
from clearfw.kernel_tree.patches import Patch

if TYPE_CHECKING:
    from pathlib import Path

TREE = {"mm/a.c": b"one\ntwo\nthree\n", "mm/b.c": b"four\nfive\n"}
CHANGE = """\
--- a/mm/a.c
+++ b/mm/a.c
@@ -1,3 +1,3 @@
 one
-two
+2
 three
"""
CHANGE_AGAIN = CHANGE.replace("-two\n+2", "-2\n+II")
CREATE = "--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+new\n"
REMOVE = "--- a/mm/b.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-four\n-five\n"
RENAME = """\
diff --git a/mm/b.c b/mm/c.c
similarity index 50%
rename from mm/b.c
rename to mm/c.c
--- a/mm/b.c
+++ b/mm/c.c
@@ -1,2 +1,2 @@
 four
-five
+5
"""


def mail(subject: str, body: str, *, encoding: str = "8bit") -> str:
    """Return a mail of a mailbox."""
    coded = {
        "8bit": body,
        "quoted-printable": quopri.encodestring(body.encode()).decode(),
        "base64": base64.encodebytes(body.encode()).decode(),
    }[encoding]
    return (
        f"From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: A <a@example.org>\nSubject: {subject}\n"
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n{coded}\n"
    )


def applied(*texts: str, reverse: bool = False, tree: dict[str, bytes] = TREE) -> dict[str, bytes | None]:
    """Return what patches of TEXTS make of TREE."""
    given = [Patch(f"{number}.patch", text) for number, text in enumerate(texts, 1)]
    return dict(patches.apply(given, tree.get, reverse=reverse).files)


def test_a_patch_changes_creates_and_removes() -> None:
    """Only differences are returned, with None for missing counts."""
    assert applied(CHANGE + CREATE + REMOVE) == {
        "mm/a.c": b"one\n2\nthree\n",
        "mm/new.c": b"new\n",
        "mm/b.c": None,
    }


def test_a_rename_takes_the_file_along() -> None:
    """As git writes it."""
    assert applied(RENAME) == {"mm/b.c": None, "mm/c.c": b"four\n5\n"}


def test_patches_apply_one_after_the_other() -> None:
    """The second one sees what the first one made."""
    assert applied(CHANGE, CHANGE_AGAIN) == {"mm/a.c": b"one\nII\nthree\n"}


def test_patches_are_taken_back_the_last_one_first() -> None:
    """What they made becomes what was there before both."""
    made = {"mm/a.c": b"one\nII\nthree\n"}
    assert applied(CHANGE, CHANGE_AGAIN, reverse=True, tree=made) == {"mm/a.c": TREE["mm/a.c"]}


def test_what_is_put_and_taken_leaves_the_tree_alone() -> None:
    """A change that the next patch undoes is no change."""
    undo = CHANGE.replace("-two\n+2", "-2\n+two")
    assert applied(CHANGE, undo) == {}


def test_a_hunk_that_does_not_match_is_told_with_its_file_and_patch() -> None:
    """Hunk, file, line, and which of the patches."""
    with pytest.raises(PatchError, match=r"2\.patch does not apply: hunk 1 of mm/a\.c .* line 1") as error:
        applied(CHANGE, CHANGE.replace("-two\n+2", "-other\n+else"))
    assert "\n" not in str(error.value)


def test_the_second_file_is_the_one_that_is_named() -> None:
    """The hunk that fails is told with the file it belongs to."""
    other = CHANGE.replace("mm/a.c", "mm/b.c")
    with pytest.raises(PatchError, match=r"hunk 1 of mm/b\.c"):
        applied(CHANGE + other)


def test_a_patch_for_a_file_that_is_not_there_names_it() -> None:
    """As for another version of the tree."""
    with pytest.raises(PatchError, match=r"the tree has no mm/page_alloc\.c"):
        applied(CHANGE.replace("mm/a.c", "mm/page_alloc.c"))


def test_what_is_in_already_is_told() -> None:
    """An applied patch is not applied twice, and not taken back in silence either."""
    with pytest.raises(PatchError, match="applied already"):
        applied(CHANGE, tree={"mm/a.c": b"one\n2\nthree\n"})
    with pytest.raises(PatchError, match=r"cannot be taken back.*is it in this tree"):
        applied(CHANGE, reverse=True)


def test_a_patch_never_leaves_the_tree() -> None:
    """A path with .. is refused, whatever it leads to."""
    with pytest.raises(PatchError, match="outside of the tree"):
        applied(
            CHANGE.replace("a/mm/a.c", "a/../a.c").replace("b/mm/a.c", "b/../a.c"), tree={"../a.c": b"one\n"}
        )


def test_fuzz_is_told() -> None:
    """A hunk that only matches with its context left out applies, and that is said."""
    found = patches.apply([Patch("p", CHANGE)], {"mm/a.c": b"ONE\ntwo\nthree\n"}.get, reverse=False)
    assert found.files == {"mm/a.c": b"ONE\n2\nthree\n"}
    assert "fuzz" in found.notes[0]


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
def test_a_mail_is_read_however_it_is_encoded(tmp_path: Path, encoding: str) -> None:
    """A patch survives the encodings that mails travel in."""
    box = tmp_path / "v1.mbx"
    box.write_text(
        mail("[PATCH] mm: 2", f"Signed-off-by: Zoë\n---\n mm/a.c | 2 +-\n\n{CHANGE}", encoding=encoding)
    )
    (found,) = patches.read(box)
    assert "mm: 2" in found.name
    assert applied(found.text) == {"mm/a.c": b"one\n2\nthree\n"}


def test_a_series_applies_by_its_numbers(tmp_path: Path) -> None:
    """The cover letter and the replies that quote a patch are left out."""
    box = tmp_path / "series.mbox"
    mails = [
        mail("[PATCH v2 2/2] second", CHANGE_AGAIN),
        mail("[PATCH v2 0/2] cover", "What it is for.\n"),
        mail("Re: [PATCH v2 1/2] first", f"Fine with me.\n{CHANGE}"),
        mail("[PATCH v2 1/2] first", CHANGE),
    ]
    box.write_text("".join(mails))
    assert [patch.text for patch in patches.read(box)] == [CHANGE, CHANGE_AGAIN]


def test_a_git_patch_is_read_as_it_is(tmp_path: Path) -> None:
    """git format-patch writes one mail a file."""
    file = tmp_path / "0001.patch"
    file.write_text(mail("[PATCH] mm: 2", CHANGE))
    assert [one.files for one in patches.read(file)] == [["mm/a.c"]]


@pytest.mark.parametrize("text", ["", "no patch\n", "Subject: x\n\nBinary files differ\n"])
def test_what_is_no_patch_is_refused(tmp_path: Path, text: str) -> None:
    """With what to give instead."""
    (tmp_path / "x.patch").write_text(text)
    with pytest.raises(PatchError, match="has no unified diff"):
        patches.read(tmp_path / "x.patch")


def test_a_missing_patch_is_refused(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(PatchError, match="No such file"):
        patches.read(tmp_path / "none.patch")


def test_dos_line_ends_are_no_hindrance(tmp_path: Path) -> None:
    """A patch that went through such a system applies."""
    (tmp_path / "dos.patch").write_bytes(CHANGE.replace("\n", "\r\n").encode())
    (found,) = patches.read(tmp_path / "dos.patch")
    assert applied(found.text) == {"mm/a.c": b"one\n2\nthree\n"}
