import functools
import hashlib
import http.server
import io
import os
import threading
import zipfile

import pytest

from sensegen_tf.data import download
from sensegen_tf.errors import InputError

FILES = {"100.hea": b"header", "100.dat": b"d" * 200_000, "100.atr": b"marks"}


def archive(files, sums=None):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in files.items():
            file.writestr(f"set-1.0/{name}", content)
        if sums is not None:
            file.writestr("set-1.0/SHA256SUMS.txt", sums)
    return stream.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves one body, with ranges; closes early after `limit` bytes."""

    def __init__(self, state, *args):
        self.state = state
        super().__init__(*args)

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-").split("=")[1].rstrip("-"))
        self.state["starts"].append(start)
        body = self.state["body"][start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.state["limit"]])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    state = {"body": archive(FILES), "limit": None, "starts": []}
    with http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Server, state)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        state["address"] = f"http://127.0.0.1:{running.server_port}/set.zip"
        yield state
        running.shutdown()


def fetch(server, tmp_path):
    download.download("mitbih", os.fspath(tmp_path / "set"), address=server["address"])


def test_a_set_is_fetched_checked_and_extracted(server, tmp_path):
    sums = "".join(f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in FILES.items())
    server["body"] = archive(FILES, sums)
    fetch(server, tmp_path)
    assert os.listdir(tmp_path) == ["set"]
    assert (tmp_path / "set" / "100.dat").read_bytes() == FILES["100.dat"]
    with pytest.raises(InputError, match="exists; remove it") as error:
        fetch(server, tmp_path)
    assert error.value.fields == ("data_dir",)


def test_a_broken_connection_is_resumed_where_it_stopped(server, tmp_path):
    server["limit"] = 50_000
    with pytest.raises(InputError, match=r"(?s)cannot fetch .*Fetch it by hand and put it at .*set\.zip"):
        fetch(server, tmp_path)
    assert not (tmp_path / "set").exists()
    server["limit"] = None
    fetch(server, tmp_path)
    assert server["starts"] == [0, 50_000]
    assert (tmp_path / "set" / "100.dat").read_bytes() == FILES["100.dat"]


def test_a_refusing_network_says_what_to_do_by_hand(tmp_path):
    with pytest.raises(InputError, match=r"(?s)cannot fetch http.*put it at .*set\.zip, then give the same command"):
        download.download("hapt", os.fspath(tmp_path / "set"), address="http://127.0.0.1:9/set.zip")
    (tmp_path / "set.zip").write_bytes(archive({"RawData/labels.txt": b"", "RawData/acc_exp01_user01.txt": b""}))
    download.download("hapt", os.fspath(tmp_path / "set"))
    assert sorted(os.listdir(tmp_path / "set" / "RawData")) == ["acc_exp01_user01.txt", "labels.txt"]


def test_nested_archives_are_extracted(tmp_path):
    inner = archive({"train/y_train.txt": b"1", "test/Inertial Signals/total_acc_x_test.txt": b"2"})
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as file:
        file.writestr("UCI HAR Dataset.zip", inner)
    download.unpack(os.fspath(tmp_path / "outer.zip"), tmp_path / "set", markers=download.SETS["uci_har"][1])
    assert sorted(os.listdir(tmp_path / "set")) == ["test", "train"]


@pytest.mark.parametrize("member", ["../evil", "/evil", "a/../../evil"])
def test_members_outside_the_folder_are_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(member, b"x")
    with pytest.raises(InputError, match="lies outside its folder; it is refused"):
        download.unpack(os.fspath(tmp_path / "a.zip"), tmp_path / "set", markers=("100.hea",))
    assert sorted(os.listdir(tmp_path)) == ["a.zip"]


def test_damaged_and_other_archives_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    content = bytearray(archive(FILES))
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: Bad CRC-32"):
        download.unpack(os.fspath(path), tmp_path / "set", markers=("100.hea",))
    path.write_bytes(archive({"other": b""}))
    with pytest.raises(InputError, match="does not hold 100.hea: it is another set"):
        download.unpack(os.fspath(path), tmp_path / "set", markers=("100.hea",))
    path.write_bytes(archive(FILES, f"{'0' * 64} 100.hea\n"))
    with pytest.raises(InputError, match="100.hea differs from its SHA-256 sum"):
        download.unpack(os.fspath(path), tmp_path / "set", markers=("100.hea",))
    assert sorted(os.listdir(tmp_path)) == ["a.zip"]
