"""Take a tool from its official release: download, verify the checksum, unpack."""

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import socket
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from infra.tools.catalogue import Release

_CONNECT_SECONDS = 3
_READ_SECONDS = 60
_CHUNK_BYTES = 1 << 20
# Hash functions that releases publish, by the number of their hexadecimal digits.
_ALGORITHMS = {64: "sha256", 128: "sha512"}


class ReleaseError(Exception):
    """A release could not be had; the message says why in one line."""


@dataclass
class Downloads:
    """Downloads of one install. A host that could not be reached is not tried again."""

    offline: bool
    unreachable: set[str] = field(default_factory=set)

    def fetch(self, url: str, target: Path) -> None:
        """Download ``url`` to ``target``.

        Raises:
            ReleaseError: Offline, unreachable, refused, or cut short.
        """
        host = urllib.parse.urlsplit(url).netloc
        if self.offline:
            raise ReleaseError("KEELSON_OFFLINE is set")
        if host in self.unreachable:
            raise ReleaseError(f"{host} cannot be reached")
        try:
            self._fetch(url, target)
        except urllib.error.HTTPError as error:
            raise ReleaseError(f"{url} answers {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            if not target.exists():
                self.unreachable.add(host)
            raise ReleaseError(f"{host}: {getattr(error, 'reason', None) or error or type(error).__name__}") from error

    @staticmethod
    def _fetch(url: str, target: Path) -> None:
        # urllib has one timeout; the connection gets a short one, reading a longer one.
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response, target.open("wb") as file:  # noqa: S310
            if connection := getattr(getattr(response.fp, "raw", None), "_sock", None):
                connection.settimeout(_READ_SECONDS)
            shutil.copyfileobj(response, file, _CHUNK_BYTES)
        expected = response.headers.get("Content-Length")
        if expected is not None and target.stat().st_size != int(expected):
            raise http.client.IncompleteRead(b"", int(expected) - target.stat().st_size)


def can_reach(release: Release, downloads: Downloads) -> bool:
    """Whether the release's host takes a connection; nothing is downloaded."""
    address = urllib.parse.urlsplit(release.url or "")
    if downloads.offline or address.hostname is None:
        return False
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def install(release: Release, staged: Path, downloads: Downloads) -> None:
    """Fill the empty folder ``staged`` with ``bin/`` (and ``home/``) from the release.

    Raises:
        ReleaseError: No archive for this machine, not downloaded, wrong checksum, or not the expected content.
    """
    if release.url is None:
        raise ReleaseError("no release for this machine")
    archive = staged / "archive.tar.gz"
    downloads.fetch(release.url, archive)
    expected = release.sha256 or _published(release, staged, downloads)
    algorithm = _ALGORITHMS[len(expected)]
    actual = _digest(archive, algorithm)
    if actual != expected:
        raise ReleaseError(f"{release.url} has {_shown(algorithm)} {actual}, expected {expected}; it is not used")
    try:
        _unpack(archive, release, staged)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ReleaseError(f"{release.url} cannot be unpacked: {error}") from error
    archive.unlink()


def _published(release: Release, staged: Path, downloads: Downloads) -> str:
    """The checksum that the release's own checksum file gives."""
    assert release.url is not None
    listing = staged / "checksums"
    downloads.fetch(release.checksums, listing)
    text = listing.read_text(errors="replace")
    listing.unlink()
    name = PurePosixPath(urllib.parse.urlsplit(release.url).path).name
    for line in text.splitlines():
        words = line.split()
        if not words or len(words[0]) not in _ALGORITHMS or not re.fullmatch(r"[0-9a-fA-F]+", words[0]):
            continue
        if (words[1:] or [name])[-1].lstrip("*./") == name:
            return words[0].lower()
    raise ReleaseError(f"{release.checksums} has no {' or '.join(map(_shown, _ALGORITHMS.values()))} for {name}")


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _shown(algorithm: str) -> str:
    return algorithm.upper().replace("SHA", "SHA-")


def _unpack(archive: Path, release: Release, staged: Path) -> None:
    """Write the wanted regular files; whatever a member's name says, nothing is written outside ``staged``."""
    (staged / "bin").mkdir()
    programs = {path: name for name, path in release.files.items()}
    found: set[str] = set()
    with tarfile.open(archive) as content:
        for member in content:
            inner = "/".join(PurePosixPath(member.name.removeprefix("./")).parts[0 if release.flat else 1 :])
            if not member.isfile() or not inner or ".." in PurePosixPath(inner).parts:
                continue
            if release.home:
                _write(content, member, staged / "home" / inner)
            if inner in programs:
                found.add(programs[inner])
                target = staged / "bin" / programs[inner]
                if release.home:
                    target.symlink_to(os.path.relpath(staged / "home" / inner, target.parent))
                else:
                    _write(content, member, target)
                    target.chmod(0o755)
    if missing := sorted(set(release.files) - found):
        raise ReleaseError(f"{release.url} does not hold {', '.join(missing)}")


def _write(content: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = content.extractfile(member)
    assert source is not None
    with contextlib.closing(source), target.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)
