"""Patches as they come, a diff or a mailbox as b4 writes it, and what they make of a tree's files."""

from __future__ import annotations

import email
import email.policy
import mailbox
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import PatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from email.message import EmailMessage

_MAILBOXES = (".mbox", ".mbx")
_HEADER = re.compile(r"^--- (?P<old>\S+)[^\n]*\n\+\+\+ (?P<new>\S+)", re.MULTILINE)
_DIFF = re.compile(r"^--- \S+[^\n]*\n\+\+\+ \S+[^\n]*\n@@ ", re.MULTILINE)
_RENAME = re.compile(r"^rename (?:from|to) (\S+)$", re.MULTILINE)
_NUMBER = re.compile(r"\[[^\]]*PATCH[^\]]*?\b(\d+)/\d+[^\]]*\]", re.IGNORECASE)
_FAILED_HUNK = re.compile(r"^Hunk #(\d+) FAILED at (\d+)", re.MULTILINE)
_PATCHING = re.compile(r"^(?:patching|checking) file '?([^'\n]+?)'?(?: \(|$)", re.MULTILINE)
_NOTE = re.compile(r"^Hunk #\d+ succeeded at .*with fuzz.*$", re.MULTILINE)


@attrs.frozen
class Patch:
    """One patch: where it came from, and its diff."""

    name: str
    text: str

    @property
    def files(self) -> list[str]:
        """The files it touches, by their path in the tree."""
        names = [name for pair in _HEADER.findall(self.text) for name in pair if name != "/dev/null"]
        # As patch -p1 has it: what comes before the first slash is no part of the tree.
        stripped = [name.partition("/")[2] for name in names]
        return sorted({*filter(None, stripped), *_RENAME.findall(self.text)})


@attrs.frozen
class Patched:
    """What patches make of a tree: the new text of each file they touch, None where they remove it.

    `notes` are what patch(1) had to say of hunks that apply only with fuzz.
    """

    files: Mapping[str, bytes | None]
    notes: tuple[str, ...]


def read(path: Path) -> list[Patch]:
    """Return the patches in the file PATH, in the order in which they apply; raises PatchError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path} asked for as a patch ({error.strerror}): give a .patch, .diff or .mbox file"
        raise PatchError(msg) from error
    found = list(_mails(path)) if _is_mailbox(path, data) else [Patch(str(path), _text_of(data))]
    with_diff = [patch for patch in found if _DIFF.search(patch.text)]
    if not with_diff:
        msg = f"{path} has no unified diff in it: give a patch as git format-patch, diff -u or b4 writes it"
        raise PatchError(msg)
    return with_diff


def apply(patches: Sequence[Patch], original: Callable[[str], bytes | None], *, reverse: bool) -> Patched:
    """Return what PATCHES make of the files that ORIGINAL gives, one after the other.

    REVERSE takes them back, the last one first. Raises PatchError with the hunk, the file and the patch.
    """
    files: dict[str, bytes | None] = {}
    notes: list[str] = []
    for patch in reversed(patches) if reverse else patches:
        before = {name: files[name] if name in files else original(name) for name in patch.files}
        after, said = _apply(patch, before, reverse=reverse)
        files |= after
        notes += [f"{patch.name}: {note}" for note in said]
    unchanged = [name for name, text in files.items() if text == original(name)]
    return Patched({name: text for name, text in files.items() if name not in unchanged}, tuple(notes))


def _is_mailbox(path: Path, data: bytes) -> bool:
    return path.suffix in _MAILBOXES or data.count(b"\nFrom: ") > 1 or data.startswith(b"From ")


def _mails(path: Path) -> Iterator[Patch]:
    """Yield the mails that carry a patch, by their number where all have one; replies only quote."""
    box = mailbox.mbox(path, create=False)
    try:
        mails = [email.message_from_bytes(bytes(mail), policy=email.policy.default) for mail in box]
    finally:
        box.close()
    bodies = [(_subject(mail), _body(mail)) for mail in mails]
    carrying = [(subject, body) for subject, body in bodies if _DIFF.search(body) and not _is_reply(subject)]
    numbers = [_NUMBER.search(subject) for subject, _ in carrying]
    if all(numbers):
        carrying = [one for _, one in sorted(zip(map(_number, numbers), carrying, strict=True))]
    for subject, body in carrying:
        yield Patch(f"{path} ({subject})" if subject else str(path), body)


def _number(match: re.Match[str] | None) -> int:
    return int(match[1]) if match else 0


def _subject(mail: EmailMessage) -> str:
    return " ".join(str(mail["Subject"] or "").split())


def _is_reply(subject: str) -> bool:
    return subject.lower().startswith(("re:", "aw:"))


def _body(mail: EmailMessage) -> str:
    parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    return "".join(_decoded(part) for part in parts).replace("\r\n", "\n")


def _decoded(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8", errors="surrogateescape")
    except LookupError:
        return data.decode(errors="surrogateescape")


def _text_of(data: bytes) -> str:
    return data.decode(errors="surrogateescape").replace("\r\n", "\n")


def _apply(
    patch: Patch, before: Mapping[str, bytes | None], *, reverse: bool
) -> tuple[dict[str, bytes | None], list[str]]:
    program = shutil.which("patch")
    if program is None:
        msg = f"{patch.name}: to apply it needs patch, which is not installed: apt-get install patch"
        raise PatchError(msg)
    with tempfile.TemporaryDirectory(prefix="clearfw-") as scratch:
        root = Path(scratch)
        for name, content in before.items():
            if content is not None:
                _inside(root, name, patch).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
        command = [program, "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "--reject-file=-"]
        done = subprocess.run(
            [*command, "-R"] if reverse else command,
            cwd=root,
            input=patch.text.encode(errors="surrogateescape"),
            capture_output=True,
            check=False,
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode:
            raise PatchError(_why(patch, said, before, reverse=reverse))
        return {name: _content(root / name) for name in before}, _NOTE.findall(said)


def _inside(root: Path, name: str, patch: Patch) -> Path:
    path = root / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        msg = f"{patch.name} names {name}, which lies outside of the tree: it is not applied"
        raise PatchError(msg)
    return path


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _why(patch: Patch, said: str, before: Mapping[str, bytes | None], *, reverse: bool) -> str:
    taking = "cannot be taken back" if reverse else "does not apply"
    missing = [name for name, content in before.items() if content is None and not _creates(patch, name)]
    if missing and not _FAILED_HUNK.search(said):
        return f"{patch.name} {taking}: the tree has no {missing[0]}; give the patch for this version of it"
    hunk = _FAILED_HUNK.search(said)
    if hunk is None:
        last = said.strip().rpartition("\n")[2]
        asked = (
            "is it in this tree?" if reverse else "is it applied already, or for another version of the tree?"
        )
        return f"{patch.name} {taking} ({last}): {asked}"
    file = [match for match in _PATCHING.finditer(said) if match.start() < hunk.start()]
    where = file[-1][1] if file else "a file"
    return (
        f"{patch.name} {taking}: hunk {hunk[1]} of {where} does not match at line {hunk[2]}; "
        "give it as it is for this version of the tree"
    )


def _creates(patch: Patch, name: str) -> bool:
    return re.search(rf"^--- /dev/null\n\+\+\+ \S+?/{re.escape(name)}$", patch.text, re.MULTILINE) is not None
