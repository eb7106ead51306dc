import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomalib_ts.data.fetching.unpack import ALWAYS_FITS, unpack_zip
from anomalib_ts.errors import DataNotFoundError, InputError


def archive(tmp_path, files):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def test_unpacks(tmp_path):
    path = archive(tmp_path, {"a/b.txt": "one", "c.txt": "two"})
    folder = unpack_zip(path, tmp_path / "new" / "out")
    assert (folder / "a/b.txt").read_text() == "one"
    assert (folder / "c.txt").read_text() == "two"
    assert list(folder.parent.iterdir()) == [folder]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_leaves_wrapping_folders_out(tmp_path):
    path = archive(tmp_path, {"wrap/per/Set/x.out": "1", "wrap/note.txt": "n"})
    folder = unpack_zip(path, tmp_path / "out", holds="*/*.out")
    assert (folder / "Set/x.out").read_text() == "1"


def test_into_an_empty_folder(tmp_path):
    (tmp_path / "out").mkdir()
    assert (unpack_zip(archive(tmp_path, {"a.txt": "x"}), tmp_path / "out") / "a.txt").exists()


def check_refused(tmp_path, path, message, error=InputError):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=message):
        unpack_zip(path, tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "..\\evil"])
def test_refuses_to_leave_its_folder(tmp_path, name):
    path = archive(tmp_path, {"good.txt": "x", name: "evil"})
    check_refused(tmp_path, path, "would reach outside the folder")


def test_refuses_links(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc")
    check_refused(tmp_path, path, "'link' would reach outside")


def test_damaged_member(tmp_path):
    path = archive(tmp_path, {"a.txt": "good" * 100, "b.txt": "text" * 100})
    path.write_bytes(path.read_bytes().replace(b"texttext", b"texXtext"))
    check_refused(tmp_path, path, "is damaged .*CRC-32")


def test_not_an_archive(tmp_path):
    path = tmp_path / "archive.zip"
    path.write_text("<html>not found</html>")
    check_refused(tmp_path, path, "is damaged .*download it again")


def test_full_folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep")
    check_refused(tmp_path, archive(tmp_path, {"a.txt": "x"}), "is not empty")


def test_no_room(tmp_path, monkeypatch):
    path = archive(tmp_path, {"a.txt": "x" * 1000})
    monkeypatch.setattr("anomalib_ts.data.fetching.unpack.check_space", _no_room)
    check_refused(tmp_path, path, "no room for 1000", DataNotFoundError)


def _no_room(folder, needed):
    raise DataNotFoundError(f"no room for {needed}")


def test_an_archive_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataNotFoundError, match="there is no file"):
        unpack_zip(tmp_path / "none.zip", tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_leaves_no_parent_folders(tmp_path):
    path = archive(tmp_path, {"a.txt": "good" * 100})
    path.write_bytes(path.read_bytes().replace(b"goodgood", b"goodGood"))
    with pytest.raises(InputError, match="is damaged"):
        unpack_zip(path, tmp_path / "new" / "er" / "out")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("what", ["file", "link"])
def test_a_file_in_place_of_the_folder(tmp_path, what):
    if what == "file":
        (tmp_path / "out").write_text("keep")
    else:
        (tmp_path / "out").symlink_to("nowhere")
    check_refused(tmp_path, archive(tmp_path, {"a.txt": "x"}), "move what is there")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/x", "a/x"], "two members 'a/x'"),
        (["a/x", "a\\x"], "two members"),
        (["a/x", "a/./x"], "two members"),
        (["a", "a/x"], "'a' is a file and a folder"),
        (["a/b/c", "a"], "'a' is a file and a folder"),
        (["x" * 256], "too long"),
        (["ä" * 128], "too long"),
        (["/".join(["a" * 200] * 6)], "too long"),
        (["/".join("a" * 100)], "too long"),
        (["a\x1b[2Jb"], "cannot be printed"),
        (["a\nb"], "cannot be printed"),
        (["."], "has no name"),
        (["/"], "outside"),
        (["//x"], "outside"),
        (["a/b/../../../x"], "outside"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_no_folder_can_hold(tmp_path, names, message):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, "text")
    check_refused(tmp_path, path, message)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_only_plain_files(tmp_path, kind):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        member = zipfile.ZipInfo("device")
        member.external_attr = (kind | 0o644) << 16
        file.writestr(member, "")
    check_refused(tmp_path, path, "'device' is no plain file")


@pytest.mark.parametrize(
    ("offset", "value", "message"), [(8, 1, "encrypted"), (10, 99, "method 99")]
)
def test_what_cannot_be_read(tmp_path, offset, value, message):
    path = archive(tmp_path, {"a.txt": "x"})
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\1\2") + offset] = value
    path.write_bytes(content)
    check_refused(tmp_path, path, message)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("members", [1, 20])
def test_a_bomb(tmp_path, method, members):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        for number in range(members):
            file.writestr(f"{number}.txt", bytes(2 * ALWAYS_FITS // members))
    check_refused(tmp_path, path, "more than 100 times as many")
    assert unpack_zip(path, tmp_path / "out", max_ratio=1e6).is_dir()


def test_small_archives_may_be_mostly_zeros(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", bytes(ALWAYS_FITS))
    assert (unpack_zip(path, tmp_path / "out") / "a.txt").stat().st_size == ALWAYS_FITS


def test_a_member_that_declares_too_little_is_damaged(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", bytes(100_000_000))
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        place = content.find(signature) + offset
        content[place : place + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    check_refused(tmp_path, path, "is damaged")


FILES = {"a/x.out": b"1,0\n" * 50, "a/y.out": b"2,0\n" * 50, "note.txt": b"n"}


@settings(deadline=None)  # files are written
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    st.integers(0, 10**6),
)
@example([], 0)
def test_damaged_at_any_place(changes, cut):
    """What comes out is what went in, or nothing at all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "archive.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for member, content in FILES.items():
                file.writestr(member, content)
        damaged = bytearray(path.read_bytes())
        for place, value in changes:
            damaged[place % len(damaged)] = value
        path.write_bytes(damaged[: len(damaged) - cut % len(damaged)])
        try:
            out = unpack_zip(path, folder / "out")
        except (InputError, DataNotFoundError):
            assert list(folder.iterdir()) == [path]
        else:
            found = [file.read_bytes() for file in out.rglob("*") if file.is_file()]
            assert set(found) <= set(FILES.values())


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab./\\:\0\x1b é"), max_size=8), max_size=4))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_of_any_kind_stay_inside(names):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "one" / "two"
        folder.mkdir(parents=True)
        path = folder / "archive.zip"
        with zipfile.ZipFile(path, "w") as file:
            for member in names:
                file.writestr(zipfile.ZipInfo(member or "x"), "text")
        try:
            unpack_zip(path, folder / "out", holds="**/*")
        except InputError:
            assert list(folder.iterdir()) == [path]
        shutil.rmtree(folder / "out", ignore_errors=True)
        assert sorted(Path(name).rglob("*")) == [folder.parent, folder, path]
