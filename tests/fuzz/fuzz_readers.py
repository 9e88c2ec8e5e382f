"""The readers of what a stranger may send, each fed with one mutated input."""

import dataclasses
import io
import math
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from fuzz_code import Code
from fuzz_corpus import HERE, SMALL, STUDIES, files_of, unpack
from fuzz_mutations import (
    about_changed,
    archive_changed,
    arrays_changed,
    bytes_changed,
    json_changed,
    rows_changed,
    safetensors_changed,
    toml_changed,
)

from landscape.report import summary
from landscape.report.attention import attention
from landscape.report.folder import as_written, read_report, read_slices
from landscape.report.latex_tables import latex_document
from landscape.report.methods import methods
from landscape.report.table_formats import markdown_document
from landscape.report.tables import all_tables
from landscape.report.tidy_table import tidy_table
from landscape.study.assemble import assemble
from landscape.study.cells import cells
from landscape.study.code_in_files import refuse_code_of
from landscape.study.config import read_toml, resolve, to_toml

BY_KIND = {".json": json_changed, ".jsonl": rows_changed, ".toml": toml_changed, ".npz": arrays_changed}


def changed(name: str, data: bytes, chance: random.Random) -> bytes:
    """Return a file changed once or twice: its values mostly, which gets further than its bytes."""
    for _ in range(chance.choice((1, 1, 2))):
        try:
            data = BY_KIND[Path(name).suffix](data, chance) if chance.random() < 0.7 else bytes_changed(data, chance)
        except Exception:
            # no such file any more after the first change, which raises nearly anything
            data = bytes_changed(data, chance)
    return data


class Toml:
    """A study.toml through `resolve` to its runs, and back to a file that means the same."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "study.toml"
        self._corpus = [files_of(study)["study.toml"] for study in STUDIES] + [
            path.read_bytes() for path in sorted((Path(resolve.__code__.co_filename).parent / "ready").glob("*.toml"))
        ]

    def __call__(self, chance: random.Random) -> None:
        self._path.write_bytes(changed("study.toml", chance.choice(self._corpus), chance))
        config = resolve(("study.toml", read_toml(self._path)))
        refuse_code_of(config, "study.toml")
        cells(config)
        self._path.write_text(to_toml(config), encoding="utf-8")
        again = resolve(("study.toml", read_toml(self._path)))
        if repr(again) != repr(config):
            raise AssertionError(f"{config} came back as {again}")


class Relate:
    """A run folder, some of its files changed, through `landscape relate`."""

    def __init__(self, folder: Path) -> None:
        self._studies = {unpack(files_of(study), folder / study): files_of(study) for study in SMALL}

    def __call__(self, chance: random.Random) -> None:
        root, files = chance.choice(list(self._studies.items()))
        chosen = chance.sample(sorted(files), chance.choice((1, 1, 2)))
        try:
            for name in chosen:
                if chance.random() < 0.05:
                    (root / name).unlink()
                else:
                    (root / name).write_bytes(changed(name, files[name], chance))
            summary(assemble(root))
        finally:
            for name in chosen:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(files[name])


class RunFolder:
    """A finished run folder, its report.json or its slices changed, through what `landscape report` says of it."""

    def __init__(self, folder: Path) -> None:
        self._studies = {}
        for study in SMALL:
            root = unpack(files_of(study), folder / study)
            assemble(root)
            names = ("report.json", "report.json", "report.json", *(each for each in files_of(study) if ".npz" in each))
            self._studies[root] = {name: (root / name).read_bytes() for name in names}, names

    def __call__(self, chance: random.Random) -> None:
        root, (files, names) = chance.choice(list(self._studies.items()))
        name = chance.choice(names)
        (root / name).write_bytes(changed(name, files[name], chance))
        try:
            with as_written(root / "report.json", "landscape relate"):
                _read_through(root)
        finally:
            (root / name).write_bytes(files[name])


def _read_through(root: Path) -> None:
    """Do all that `landscape report` and `landscape export` do but draw."""
    report = read_report(root)
    _, notes = read_slices(root, report)
    tables, title = all_tables(report), report.get("title") or "Report"
    for text in (
        latex_document(tables, title),
        markdown_document(tables, title, [*attention(report), *notes]),
        methods(report),
        tidy_table(report),
        summary(report),
    ):
        text.encode()


class Checkpoint:
    """Weights of a user's and of a run's, as safetensors and as pickles of both kinds."""

    def __init__(self, folder: Path) -> None:
        import torch
        from safetensors.torch import load, save

        from landscape.models.mlp import mlp

        self._folder = folder
        self._model = mlp((1, 8, 8), 10, widths=[2])
        weights = load((HERE / "minimum.safetensors").read_bytes())
        self._model.load_state_dict(weights)
        new, old, wrapped = io.BytesIO(), io.BytesIO(), io.BytesIO()
        torch.save(weights, new)
        torch.save(weights, old, _use_new_zipfile_serialization=False)
        torch.save({"epoch": 3, "model": weights, "optimizer": {"lr": 0.1, "betas": (0.9, 0.99)}}, wrapped)
        self._files: dict[str, tuple[bytes, tuple[Callable[[bytes, random.Random], bytes], ...]]] = {
            "x.safetensors": (save(weights), (safetensors_changed, bytes_changed)),
            "new.pt": (new.getvalue(), (archive_changed, bytes_changed)),
            "old.pt": (old.getvalue(), (bytes_changed,)),
            "wrapped.pt": (wrapped.getvalue(), (archive_changed, bytes_changed)),
            "minimum.safetensors": (
                (HERE / "minimum.safetensors").read_bytes(),
                (safetensors_changed, about_changed, bytes_changed),
            ),
            "optimizer.safetensors": (
                (HERE / "optimizer.safetensors").read_bytes(),
                (safetensors_changed, about_changed, bytes_changed),
            ),
        }
        for name in ("minimum.safetensors", "optimizer.safetensors"):
            shutil.copy(HERE / name, folder / name)

    def __call__(self, chance: random.Random) -> None:
        from landscape.training import load_into, read_snapshot
        from landscape.training.optimizer_state import second_moment

        name = chance.choice(sorted(self._files))
        data, ways = self._files[name]
        path = self._folder / name
        path.write_bytes(chance.choice(ways)(data, chance))
        try:
            if name in {"minimum.safetensors", "optimizer.safetensors"}:
                snapshot = read_snapshot(self._folder / "minimum.safetensors", self._folder / "optimizer.safetensors")
                second_moment(snapshot.optimizer)
                math.isfinite(snapshot.train_loss + snapshot.epoch)
                dataclasses.replace(snapshot, note="")
            else:
                load_into(self._model, path)
        finally:
            path.write_bytes(data)


READERS: Mapping[str, Callable[[Path], Callable[[random.Random], None]]] = {
    "checkpoint": Checkpoint,
    "toml": Toml,
    "folder": RunFolder,
    "relate": Relate,
    "code": Code,
}
