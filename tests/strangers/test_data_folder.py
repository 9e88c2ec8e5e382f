"""Nothing is downloaded into a folder that a study file names; into one that the user names it is."""

import pytest
from click.testing import CliRunner

from landscape.cli.main import cli
from landscape.data.torchvision_import import import_torchvision
from landscape.errors import StorageError


@pytest.fixture
def downloads(monkeypatch):
    """The folders that torchvision is told to download into."""
    asked = []

    def make(self, root, train=True, download=False):
        asked.append(root)
        raise OSError("no network")

    monkeypatch.setattr(import_torchvision().datasets.MNIST, "__init__", make)
    monkeypatch.delenv("LANDSCAPE_DATA", raising=False)
    return asked


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    settings = 'dataset = "mnist"\noptimizer = "sgd"\nmodel = "mlp"\nepochs = 1\nseeds = 1\n'
    path.write_text(f'{settings}data_dir = " {tmp_path / "theirs"} "\n')
    return path


@pytest.mark.parametrize("command", ["analyze", "track"])
def test_a_folder_of_data_that_a_file_names_is_only_read(study, downloads, command):
    folder = study.parent
    found = CliRunner().invoke(cli, [command, str(study), "--out", str(folder / "out")])
    assert isinstance(found.exception, StorageError), found.output
    assert "Nothing is downloaded into a folder that a study file names" in str(found.exception)
    assert downloads == []
    assert not (folder / "theirs").exists()


@pytest.mark.parametrize("how", ["typed", "environment"])
def test_one_that_the_user_names_is_downloaded_into(study, downloads, monkeypatch, how):
    folder, mine = study.parent, str(study.parent / "mine")
    if how == "environment":
        monkeypatch.setenv("LANDSCAPE_DATA", mine)
    typed = ["--data-dir", mine] if how == "typed" else []
    found = CliRunner().invoke(cli, ["analyze", str(study), "--out", str(folder / "out"), "--jobs", "1", *typed])
    assert "Downloading failed: no network" in str(found.exception)
    assert set(downloads) == {mine}
