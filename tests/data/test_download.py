import hashlib
import socket

import pytest

from landscape.data.download import complete
from landscape.errors import StorageError

CONTENT = b"content"
FILES = {"folder/file": hashlib.md5(CONTENT).hexdigest()}


def writing(folder, content):
    """Return a download that writes the file, prints as torchvision does, and notes the network's patience."""

    def download():
        (folder / "folder").mkdir(parents=True)
        (folder / "folder" / "file").write_bytes(content)
        print("Downloading http://somewhere")  # noqa: T201
        download.timeout = socket.getdefaulttimeout()

    return download


def test_a_file_that_is_there_is_not_downloaded_again(tmp_path):
    writing(tmp_path, CONTENT)()
    complete("it", tmp_path, FILES, download=pytest.fail)


def test_a_download_talks_on_standard_error_and_gives_up_on_silence(tmp_path, capsys):
    download = writing(tmp_path, CONTENT)
    complete("it", tmp_path, FILES, download)
    assert capsys.readouterr() == ("", "Downloading http://somewhere\n")
    assert 0 < download.timeout <= 15
    assert socket.getdefaulttimeout() is None


def test_a_download_of_the_wrong_content_is_noticed(tmp_path):
    with pytest.raises(StorageError, match="folder/file is corrupt"):
        complete("it", tmp_path, FILES, writing(tmp_path, b"other"))


def test_a_download_of_nothing_is_noticed(tmp_path):
    with pytest.raises(StorageError, match=r"there is no folder/file. The download did not bring"):
        complete("it", tmp_path, FILES, lambda: None)


def test_a_full_disk_while_downloading(tmp_path):
    def download():
        (tmp_path / "new" / "folder").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"Downloading failed: .*No space left on device"):
        complete("it", tmp_path / "new", FILES, download)
    assert not (tmp_path / "new").exists()
