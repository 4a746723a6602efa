"""Kernel sources for the tests: Debian's linux-source-VERSION, fetched and unpacked, never installed.

    python tests/support/kernel_sources.py FOLDER VERSION...

apt-get works in FOLDER with lists of its own, so that the system's own stay as they are. Each version ends
up in FOLDER/linux-source-VERSION; what is there already is left alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SUITES = ("bookworm", "sid", "trixie-backports")
MIRROR = "http://deb.debian.org"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(command: list[str], folder: Path) -> None:
    """Run COMMAND in FOLDER, and end with its last line where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{' '.join(command[:1] + command[-2:])} failed: {done.stderr.strip().rpartition(chr(10))[2]}"
        )


def apt(folder: Path) -> list[str]:
    """Return apt-get with lists of its own."""
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "parts").mkdir(exist_ok=True)
    lines = [f"deb [signed-by={KEYRING}] {MIRROR}/debian {suite} main" for suite in SUITES]
    lines.append(f"deb [signed-by={KEYRING}] {MIRROR}/debian-security bookworm-security main")
    (state / "sources.list").write_text("\n".join(lines) + "\n")
    options = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": state / "parts",
        "Dir::State::lists": state / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "",
    }
    return ["apt-get", "-q", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def unpack(folder: Path, version: str) -> None:
    """Unpack the package of VERSION in FOLDER, and remove it."""
    (package,) = folder.glob(f"linux-source-{version}_*.deb")
    scratch = folder / f".{version}"
    shutil.rmtree(scratch, ignore_errors=True)
    run(["dpkg-deb", "-x", str(package), str(scratch)], folder)
    (tarball,) = scratch.glob("usr/src/linux-source-*.tar.xz")
    run(["tar", "-xf", str(tarball), "-C", str(scratch)], folder)
    (scratch / f"linux-source-{version}").replace(folder / f"linux-source-{version}")
    shutil.rmtree(scratch)
    package.unlink()


def main(folder: Path, versions: list[str]) -> None:
    """Fetch and unpack what is missing of VERSIONS."""
    missing = [version for version in versions if not (folder / f"linux-source-{version}").is_dir()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = apt(folder)
    run([*command, "update"], folder)
    for version in missing:
        print(f"linux-source-{version}", flush=True)  # noqa: T201  two gigabytes each
        run([*command, "download", f"linux-source-{version}"], folder)
        unpack(folder, version)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])
