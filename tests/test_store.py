"""A store of objects: a folder, or a bucket of a server that is busy, slow, and written to by others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto")

from alref.errors import InputError, MissingError, OutputError
from alref.output import store
from alref.output.store import ObjectStore, StoredObject, open_store
from support.s3_server import S3Server, run_s3_server

MULTIPART_BYTES = 2 * 50 * 2**20
"""The size from which s3fs uploads an object in parts."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setattr(store, "FIRST_WAIT", 0.001)
    with run_s3_server(monkeypatch) as served:
        yield served


@pytest.fixture(params=["folder", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return open_store(tmp_path / "store")
    request.getfixturevalue("server")
    return open_store("s3://bucket/run")


def test_an_object_is_read_back_whole_and_in_part(opened: ObjectStore) -> None:
    opened.write_bytes("units/1.tar", b"hello")
    opened.write_bytes("units/1.tar", b"hello again")
    assert opened.read_bytes("units/1.tar") == b"hello again"
    assert opened.read_bytes("units/1.tar", 5) == b"hello"
    assert opened.read_bytes("units/2.tar") is None


def test_a_listing_has_the_objects_of_one_folder(opened: ObjectStore) -> None:
    assert opened.list_objects("units") == []
    for name in ("units/1.tar", "units/2.tar", "failed/1.json"):
        opened.write_bytes(name, b"abc")
    assert sorted(opened.list_objects("units"), key=str) == [StoredObject("1.tar", 3), StoredObject("2.tar", 3)]
    opened.remove("units/1.tar")
    opened.remove("units/1.tar")
    assert opened.list_objects("units") == [StoredObject("2.tar", 3)]


def test_one_of_many_writers_creates_an_object(opened: ObjectStore) -> None:
    created: list[int] = []

    def create(number: int) -> None:
        if opened.create_bytes("claims/1", str(number).encode()):
            created.append(number)

    threads = [Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(created) == 1
    assert opened.read_bytes("claims/1") == str(created[0]).encode()


def test_access_is_checked_and_leaves_nothing(opened: ObjectStore) -> None:
    opened.check_access()
    assert opened.list_objects("") == []


@pytest.mark.parametrize("kind", ["busy", "broken", "conflict"])
def test_an_upload_that_is_refused_for_a_moment_is_repeated(server: S3Server, kind: str) -> None:
    opened = open_store("s3://bucket/run")
    server.queue.extend([kind] * 3)
    opened.write_bytes("units/1.tar", b"hello")
    assert opened.read_bytes("units/1.tar") == b"hello"
    assert not server.queue


def test_a_server_that_stays_busy_is_an_error_that_names_the_object(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "RETRIES", 1)
    opened = open_store("s3://bucket/run")
    server.queue.extend(["broken"] * 50)
    with pytest.raises(OutputError, match="s3://bucket/run/units/1"):
        opened.write_bytes("units/1.tar", b"hello")


def test_a_large_object_is_uploaded_in_parts(server: S3Server) -> None:
    opened = open_store("s3://bucket/run")
    data = bytes(MULTIPART_BYTES)
    opened.write_bytes("units/1.tar", data)
    assert sum(method == "POST" for method, _ in server.asked) == 2  # the upload is begun, and completed
    assert opened.list_objects("units") == [StoredObject("1.tar", MULTIPART_BYTES)]


def test_a_missing_bucket_is_named(server: S3Server) -> None:
    with pytest.raises(OutputError, match="s3://nobody/run"):
        open_store("s3://nobody/run").write_bytes("units/1.tar", b"hello")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="store"):
            open_store(tmp_path / "store").check_access()
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine")
    with pytest.raises(OutputError, match="store"):
        open_store(tmp_path / "store").check_access()


def test_an_unknown_address_and_a_missing_library_are_named() -> None:
    with pytest.raises((InputError, MissingError), match="nosuch"):
        open_store("nosuch://bucket/run")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in open_store("memory://me:secret@host/run").address
