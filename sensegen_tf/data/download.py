"""Downloads of the public sets: resumed where they stopped, checked, and unpacked whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Sequence

import tqdm

from sensegen_tf.errors import InputError
from sensegen_tf.files import atomic_folder

_UCI = "https://archive.ics.uci.edu/static/public"
# Name -> address, and files that tell the folder of the set inside the archive.
SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "hapt": (
        f"{_UCI}/341/smartphone+based+recognition+of+human+activities+and+postural+transitions.zip",
        ("RawData/labels.txt", "RawData/acc_exp01_user01.txt"),
    ),
    "uci_har": (
        f"{_UCI}/240/human+activity+recognition+using+smartphones.zip",
        ("train/y_train.txt", "test/Inertial Signals/total_acc_x_test.txt"),
    ),
    "mitbih": (
        "https://physionet.org/static/published-projects/mitdb/mit-bih-arrhythmia-database-1.0.0.zip",
        ("100.hea", "100.dat", "100.atr"),
    ),
}
_PIECE = 1 << 18


def download(name: str, folder: str, *, address: str | None = None) -> None:
    """Fetches a public set and unpacks it.

    Args:
      name: of `SETS`.
      folder: to make; must not exist.
      address: another place to fetch the archive from.

    Raises:
      InputError: the network refuses, the archive is damaged or holds something else, or the folder exists or cannot be
        written. What has been fetched stays beside the folder as `.part`, and the next call goes on from there.
    """
    official, markers = SETS[name]
    if os.path.exists(folder):
        raise InputError(f"{folder} exists; remove it or choose another data_dir", fields=["data_dir"])
    archive = f"{folder.rstrip(os.sep)}.zip"
    if not os.path.exists(archive):
        try:
            os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
            _fetch(address or official, f"{archive}.part")
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise InputError(
                f"cannot fetch {address or official}: {getattr(error, 'reason', error)}\n"
                f"Fetch it by hand and put it at {archive}, then give the same command again to check and unpack it"
            ) from error
        os.replace(f"{archive}.part", archive)
    unpack(archive, folder, markers=markers)
    os.remove(archive)


def _fetch(address, path):
    """Fetches `address` to `path`, going on where an earlier attempt stopped, if the server can."""
    have = os.path.getsize(path) if os.path.exists(path) else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing
            return
        raise
    with response:
        resumed = response.status == 206
        missing = int(response.headers.get("Content-Length", 0))
        have = have if resumed else 0
        with (
            open(path, "ab" if resumed else "wb") as file,
            tqdm.tqdm(total=have + missing or None, initial=have, unit="B", unit_scale=True, desc="download") as bar,
        ):
            while piece := response.read(_PIECE):
                file.write(piece)
                bar.update(len(piece))
    if missing and os.path.getsize(path) != have + missing:
        raise OSError(f"the connection ended after {os.path.getsize(path)} of {have + missing} bytes; try again")


def unpack(archive: str, folder: str | os.PathLike[str], *, markers: Sequence[str]) -> None:
    """Checks an archive (and one archive inside it, as UCI nests them) and unpacks the set in it.

    Args:
      archive: path of a ZIP.
      folder: to make, with the set's files directly below it.
      markers: relative paths that the set must hold.

    Raises:
      InputError: it is damaged, has members outside its folder, or does not hold the set. Nothing is left of `folder`.
    """
    with atomic_folder(os.fspath(folder)) as temporary:
        inside = os.path.join(temporary, "inside")
        _extract(archive, inside)
        for nested in sorted(name for name in os.listdir(inside) if name.endswith(".zip")):
            _extract(os.path.join(inside, nested), inside)
        root = _find(inside, markers)
        if root is None:
            raise InputError(f"{archive} does not hold {' and '.join(markers)}: it is another set")
        _check_sums(root)
        for name in os.listdir(root):
            shutil.move(os.path.join(root, name), os.path.join(temporary, name))
        shutil.rmtree(inside)


def _extract(archive, folder):
    try:
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                target = os.path.abspath(os.path.join(folder, name))
                if os.path.isabs(name) or not target.startswith(os.path.abspath(folder) + os.sep):
                    raise InputError(f"{archive} has the member {name}, which lies outside its folder; it is refused")
            file.extractall(folder)  # checks every member's CRC-32
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{archive} is damaged: {error}. Remove it and fetch it again") from error


def _find(folder, markers):
    for root, _, _ in os.walk(folder):
        if all(os.path.exists(os.path.join(root, marker)) for marker in markers):
            return root
    return None


def _check_sums(root):
    """Compares files with the SHA-256 sums that PhysioNet puts beside them."""
    path = os.path.join(root, "SHA256SUMS.txt")
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        sums = [line.split(maxsplit=1) for line in file if line.strip()]
    for expected, name in sums:
        target = os.path.join(root, name.strip())
        if os.path.exists(target):
            with open(target, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    raise InputError(f"{name.strip()} differs from its SHA-256 sum in the archive; fetch it again")
