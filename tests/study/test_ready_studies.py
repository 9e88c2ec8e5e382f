"""The studies that come with the program."""

import re
from pathlib import Path

import pytest

from landscape.cli.main import cli
from landscape.errors import UsageError
from landscape.registry import measures, models
from landscape.study.cells import cells
from landscape.study.config import KEYS, read_toml, resolve
from landscape.study.ready_studies import NAMES, ready_studies, ready_study, study_file
from landscape.study.search_draws import draws, middle, trial
from landscape.study.train_cell import training_config

DOCS = Path(__file__).resolve().parents[2] / "docs" / "study.md"
RUNS = {"smoke": 12, "laptop": 240, "paper": 90}


@pytest.mark.parametrize("name", NAMES)
def test_its_file_makes_runs_that_can_be_trained(name):
    config = resolve((name, read_toml(ready_study(name))))
    for draw in draws(config) if config.tune else []:
        training_config(*trial(config, draw))
    config = middle(config) if config.tune else config
    todo = cells(config)
    assert len(todo) == RUNS[name]
    assert len({cell.id for cell in todo}) == len(todo)
    for cell in todo:
        training_config(config, cell)
    assert all(measures[each] for each in config.measures)
    assert all(models[each] for each in config.model)
    assert config.primary == ("top_eigenvalue", "adam", "sgd")
    assert len(config.target_loss) > 2


def test_they_are_listed_and_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["list", "studies"], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES) == list(ready_studies())
    assert study_file(Path("smoke")) == ready_study("smoke")
    # a folder of that name is in nobody's way, and a file of that name is the file
    (tmp_path / "smoke").mkdir()
    assert study_file(Path("smoke")) == ready_study("smoke")
    (tmp_path / "laptop").write_text("")
    assert study_file(Path("laptop")) == Path("laptop")
    with pytest.raises(UsageError, match=r"[Dd]id you mean 'laptop'"):
        study_file(Path("labtop"))


def test_every_key_is_documented():
    named = set(re.findall(r"`(\w+)`", DOCS.read_text(encoding="utf-8")))
    assert not KEYS.keys() - named
