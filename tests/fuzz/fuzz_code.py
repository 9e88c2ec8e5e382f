"""A reader of files in which code is named: studies, records and checkpoints, through what would run it."""

import random
import sys
from pathlib import Path

from fuzz_corpus import HERE, files_of, unpack
from fuzz_mutations import about_planted, json_planted, toml_planted

from landscape.study.assemble import assemble
from landscape.study.cells import with_learning_rates
from landscape.study.code_in_files import refuse_code_of
from landscape.study.config import StudyConfig, read_toml, resolve
from landscape.study.folder import asked_for, existing_folder, stored_config

RUN = "adam-lr0.01-seed1"


class Code:
    """Names of code that lies there, planted; half of them go past the first look at what a study names."""

    def __init__(self, folder: Path) -> None:
        for name in ("planted.py", "planted,.py"):
            (folder / name).write_text("f = print\n")
        # as where the program is started with python -m
        if "" not in sys.path:
            sys.path.append("")
        self._study = existing_folder(unpack(files_of("study_small"), folder / "study"))
        self._searched = existing_folder(unpack(files_of("searched_small"), folder / "searched"))
        for path in (self._study.minimum(RUN, "matched"), self._study.optimizer(RUN, "matched")):
            path.write_bytes((HERE / path.name.replace(".matched", "")).read_bytes())
        self._records = sorted(self._searched.root.rglob("*.json"))
        # all that is imported in use is imported now, before anything is watched
        for use in (self._study_file, self._record, self._state):
            use(random.Random(0))

    def __call__(self, chance: random.Random) -> None:
        use = chance.choice((self._study_file, self._record, self._state))
        path, plant = {
            self._study_file: (self._study.study, toml_planted),
            self._record: (chance.choice((self._searched.search, *self._records)), json_planted),
            self._state: (self._study.optimizer(RUN, "matched"), about_planted),
        }[use]
        before = {each: each.read_bytes() for each in (path, self._searched.search)}
        path.write_bytes(plant(before[path], chance))
        try:
            use(chance)
        finally:
            for each, data in before.items():
                each.write_bytes(data)

    def _study_file(self, chance: random.Random) -> None:
        _start(resolve(("study.toml", read_toml(self._study.study))), chance)

    def _record(self, chance: random.Random) -> None:
        from landscape.study.search import searched

        _start(stored_config(self._searched), chance)
        assemble(self._searched.root)
        searched(asked_for(self._searched), self._searched)
        _start(stored_config(self._searched), chance)

    def _state(self, chance: random.Random) -> None:
        from landscape.study.one_minimum import stored_minimum
        from landscape.training import coming_update, read_snapshot, second_moment

        if chance.random() < 0.5:
            stored_minimum(stored_config(self._study), self._study, run=RUN, stop="matched")
        state = read_snapshot(self._study.minimum(RUN, "matched"), self._study.optimizer(RUN, "matched")).optimizer
        second_moment(state)
        coming_update(state, state.tensors["exp_avg"], [])


def _start(config: StudyConfig, chance: random.Random) -> None:
    """Do what a command does before it computes anything."""
    from landscape.study.checks import check

    if chance.random() < 0.5:
        refuse_code_of(config, "study.toml")
    check(with_learning_rates(config))
