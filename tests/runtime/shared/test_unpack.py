"""Archives come in whole, or not at all."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from sagewright_runtime.shared import unpack as unpack_module
from sagewright_runtime.shared.unpack import unpack


def archive(place: Path, *members: tarfile.TarInfo, mode: str = "w:gz") -> str:
    path = place / "model.tar.gz"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return str(path)


def file(name: str, size: int = 1) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.uid = 12345
    member.mode = 0o4777
    return member


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.fixture(params=["filters", "no filters"], autouse=True)
def python_version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as on the first Python 3.11s."""
    if request.param == "no filters":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_files_directories_and_inner_links_arrive(tmp_path: Path, mode: str) -> None:
    unpack(archive(tmp_path, file("a/b.bin", 7), link("a/latest", "b.bin"), mode=mode), str(tmp_path / "out"))
    out = tmp_path / "out" / "a"
    assert (out / "latest").read_bytes() == b"x" * 7
    status = (out / "b.bin").stat()
    assert status.st_uid == tmp_path.stat().st_uid
    assert status.st_mode & 0o7022 == 0


@pytest.mark.parametrize(
    "members",
    [
        [file("../escape")],
        [link("a", "/etc"), file("a/escape")],
        [link("a", "../.."), file("a/escape")],
        [link("a", "../../etc/passwd", tarfile.LNKTYPE)],
        [link("pipe", "", tarfile.FIFOTYPE)],
        [link("disk", "", tarfile.BLKTYPE)],
    ],
)
def test_what_reaches_outside_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    (tmp_path / "deep").mkdir()
    with pytest.raises(ValueError, match=r"model\.tar\.gz cannot be unpacked"):
        unpack(archive(tmp_path, *members), str(tmp_path / "deep" / "out"))
    assert not list(tmp_path.rglob("escape"))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack_module, "FREE_BYTES", 1 << 20)
    for bomb in ([file("big", 8 << 20)], [file(f"{number}", 300_000) for number in range(5)]):
        with pytest.raises(ValueError, match="far more than its size promises"):
            unpack(archive(tmp_path, *bomb), str(tmp_path / "out"))
    monkeypatch.setattr(unpack_module, "MAX_FILES", 2)
    with pytest.raises(ValueError, match="more than 2 files"):
        unpack(archive(tmp_path, file("a"), file("b"), file("c")), str(tmp_path / "out"))


def test_what_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """Names, attributes and maps of holes are read whole by tarfile, however long they are."""
    path = tmp_path / "model.tar.gz"
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        long = tarfile.TarInfo("x")
        long.type, long.size = kind, 64 << 20
        with gzip.open(path, "wb", 1) as packed:
            packed.write(long.tobuf(tarfile.GNU_FORMAT))
            packed.write(bytes(long.size))
        with pytest.raises(ValueError, match="describes a file in 67108864 bytes"):
            unpack(str(path), str(tmp_path / "out"))
    sparse = tarfile.TarInfo("x")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 0
    path.write_bytes(gzip.compress(sparse.tobuf(tarfile.GNU_FORMAT)))
    with pytest.raises(ValueError, match="sparse"):
        unpack(str(path), str(tmp_path / "out"))
    mapped = file("y", 512)
    mapped.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 15}
    with pytest.raises(ValueError, match="sparse"):
        unpack(archive(tmp_path, mapped), str(tmp_path / "out"))


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8bbroken"])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.tar\.gz cannot be unpacked"):
        unpack(str(path), str(tmp_path / "out"))


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    path = Path(archive(tmp_path, file("big", 100_000)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(str(path), str(tmp_path / "out"))
