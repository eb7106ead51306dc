import stat
import zipfile

import pytest

from anomalib_ts.data.unpack import unpack_zip
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
    monkeypatch.setattr("anomalib_ts.data.unpack.check_space", _no_room)
    check_refused(tmp_path, path, "no room for 1000", DataNotFoundError)


def _no_room(folder, needed):
    raise DataNotFoundError(f"no room for {needed}")
