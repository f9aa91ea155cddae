"""Images that are built on this machine without a registry and without a container runtime, by buildah."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# With pip and what belongs to it, as the official images of Python have them.
_PYTHON = "python3,python3-venv,python3-pip"


class ImageStore:
    """Images in a folder of their own; what is in it is gone when it is closed.

    Attributes:
        variables: What a process needs in its environment to build into it.
    """

    variables: Mapping[str, str]

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
        self.variables = {
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    def buildah(self, *arguments: str) -> str:
        """Run buildah on the store; returns the last line that it prints.

        Raises:
            subprocess.CalledProcessError: It failed; what it said is on stderr.
        """
        done = subprocess.run(
            ["buildah", *arguments],
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return (done.stdout.strip().splitlines() or [""])[-1]

    def debian(self, name: str) -> None:
        """Make a slim Debian with Python, of Debian's packages alone; root.

        Raises:
            subprocess.CalledProcessError: A package cannot be had; what debootstrap said is on stderr.
        """
        root, archive = self._folder / "root", self._folder / "root.tar"
        made = ["debootstrap", "--variant=minbase", f"--include={_PYTHON}", "bookworm", str(root)]
        subprocess.run(made, stdout=subprocess.DEVNULL, check=True)
        without = [f"--exclude=./{part}" for part in ("dev/*", "proc/*", "var/cache/apt/archives/*.deb")]
        subprocess.run(["tar", "--directory", str(root), *without, "--create", "--file", str(archive), "."], check=True)
        shutil.rmtree(root)
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(archive), "/")
        self.buildah("config", "--env", _PATH, container)
        self.buildah("commit", "--quiet", "--rm", container, name)
        archive.unlink()

    def save(self, name: str, archive: Path) -> None:
        """Write an image to a file, as Docker saves it."""
        self.buildah("push", "--quiet", name, f"docker-archive:{archive}:{name}")

    def close(self) -> None:
        """Remove everything."""
        subprocess.run(["umount", "--quiet", str(self._folder / "images" / "overlay")], check=False)
        shutil.rmtree(self._folder)
