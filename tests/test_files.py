"""Files that are written: whole or not at all, through nobody's link, with their modes kept."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from clearfw import files
from clearfw.errors import InputError, OutputError
from clearfw.files import NewFile, replacing, scratch, write_text


def begin_and_fail(path: Path, error: BaseException) -> None:
    """Write a little to what is to replace PATH, and fail with ERROR."""
    with replacing(path) as file:
        file.write(b"half")
        raise error


def test_what_is_whole_takes_the_old_ones_place(tmp_path: Path) -> None:
    """Until then whoever looks sees the old one; its mode stays."""
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_mode_that_umask_leaves(tmp_path: Path) -> None:
    """As a file that was simply opened would have."""
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "out", "x")
    finally:
        os.umask(before)

    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")], ids=["interrupt", "error"])
def test_a_failure_leaves_the_old_one(tmp_path: Path, error: BaseException) -> None:
    """And nothing beside it."""
    path = tmp_path / "out"
    path.write_text("old")

    with pytest.raises(type(error)):
        begin_and_fail(path, error)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_the_files_name(tmp_path: Path) -> None:
    """And not with that of the file beside it, nor with none."""
    path = tmp_path / "out"

    with pytest.raises(OSError, match=r"No space left on device: '.*/out'$"):
        begin_and_fail(path, OSError(errno.ENOSPC, "anything"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes another user's link")
def test_another_users_link_is_not_followed(tmp_path: Path) -> None:
    """Planted where root will write: refused, and what it leads to is as it was."""
    victim, link = tmp_path / "victim", tmp_path / "out"
    victim.write_text("mine")
    link.symlink_to(victim)
    os.lchown(link, 12345, 12345)

    with pytest.raises(OutputError, match="is a symbolic link that user 12345 made: name the file itself"):
        write_text(link, "x")

    assert victim.read_text() == "mine"
    assert link.is_symlink()


def test_ones_own_link_stays_and_leads_to_the_new_one(tmp_path: Path) -> None:
    """Also over several, and relative ones."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real").write_text("old")
    (tmp_path / "there" / "second").symlink_to("real")
    link = tmp_path / "out"
    link.symlink_to("there/second")

    write_text(link, "new")

    assert link.is_symlink()
    assert (tmp_path / "there" / "real").read_text() == "new"


def test_a_name_that_is_taken_meanwhile_is_not_opened(tmp_path: Path) -> None:
    """In place means a file of our own: a link that appears is no reason to write elsewhere."""
    victim = tmp_path / "victim"
    link = tmp_path / "out"
    link.symlink_to(victim)

    with pytest.raises(FileExistsError):
        files._create(link)

    assert not victim.exists()


def test_a_device_is_written_as_it_is(tmp_path: Path) -> None:
    """As /dev/null, and a pipe that somebody reads."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    write_text(pipe, "through")
    write_text("/dev/null", "gone")
    reader.join()

    assert read == ["through"]
    assert files.is_device(pipe)
    assert not Path("/dev/null").is_file()


def test_what_a_dead_writer_left_is_removed(tmp_path: Path) -> None:
    """Killed half-way; a living one's stays."""
    path = tmp_path / "out [1]"
    code = f"from clearfw.files import NewFile; NewFile({str(path)!r}); print(flush=True); input()"
    dead = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert dead.stdout is not None
    dead.stdout.readline()
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    (left,) = tmp_path.iterdir()

    living = NewFile(path)
    there = set(tmp_path.iterdir())
    write_text(path, "x")

    assert left not in there
    assert len(there) == 1
    assert set(tmp_path.iterdir()) == {path, *there}
    living.drop()


def test_scratch_of_the_dead_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL leaves a directory, and the next process takes it away; the living keep theirs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = "from clearfw.files import scratch\nwith scratch() as d:\n print(d, flush=True)\n input()"
    command = [sys.executable, "-c", code]
    dead, living = (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    assert dead.stdout is not None
    assert living.stdout is not None
    left, kept = (one.readline().strip() for one in (dead.stdout, living.stdout))
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert Path(left).is_dir()

    subprocess.run(command, input="\n", text=True, check=True, stdout=subprocess.DEVNULL)

    assert not Path(left).exists()
    assert Path(kept).is_dir()
    living.communicate("\n")
    assert not Path(kept).exists()


def test_scratch_is_for_this_user_only() -> None:
    """And gone at the end."""
    with scratch() as directory:
        assert directory.stat().st_mode & 0o777 == 0o700

    assert not directory.exists()


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "pipe"])
def test_what_need_not_end_is_not_read(name: str, tmp_path: Path) -> None:
    """A device, or a named pipe that nobody may ever write to, is refused at once."""
    path = tmp_path / name  # an absolute name stays
    if not path.exists():
        os.mkfifo(path)

    with pytest.raises(InputError, match=r"is a (device|named pipe), and need not end: give a regular file"):
        files.read_input(path, 100)


def test_a_pipe_of_a_process_is_read_to_its_end() -> None:
    """As a shell's <(command)."""
    reader, writer = os.pipe()
    os.write(writer, b"through")
    os.close(writer)

    assert files.read_input(f"/dev/fd/{reader}", 100) == b"through"
    os.close(reader)


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    """Before all of it is read."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(InputError, match="has more than 1M: give what clearfw wrote"):
        files.read_input(path, 1 << 20)


def test_a_directory_that_a_sweep_takes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may remove it between mkdtemp() and flock()."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real, made = tempfile.mkdtemp, []

    def taken_once(**named: str) -> str:
        made.append(real(**named))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", taken_once)
    with files.scratch() as directory:
        assert directory.is_dir()
        assert str(directory) == made[1]
