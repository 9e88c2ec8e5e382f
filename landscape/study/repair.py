"""What is damaged in a run folder, named and taken away, so that it is computed again."""

from pathlib import Path

from landscape import store
from landscape.errors import StorageError
from landscape.study.cells import Cell
from landscape.study.folder import RunFolder, checksums, read_result


def repair(folder: RunFolder, cell: Cell) -> list[str]:
    """Remove what is damaged of a finished run: torn, truncated or changed since it was written.

    Training is done again where its result or one of its files is not what was written; of the measurements only
    those rows that are damaged; slices whole.

    Returns:
        A sentence for each file that was damaged.
    """
    if not folder.result(cell.id).exists():
        return []
    try:
        written = read_result(folder, cell.id).get("sha256")
    except StorageError:
        return _forget(folder, cell.id, ["result.json"])
    now = checksums(folder, cell.id)
    # a folder of an earlier version has no checksums to hold its files against
    written = now if written is None else written
    # minima of a later look through the training that was stopped before it was written down
    for name in [each for each in now if each not in written and each.startswith(("minimum.", "optimizer."))]:
        (folder.run(cell.id) / name).unlink(missing_ok=True)
        del now[name]
    damaged = [name for name in sorted({*written, *now}) if now.get(name) != written.get(name)]
    slices = [name for name in damaged if name.startswith("surfaces/")]
    if len(damaged) > len(slices):
        return _forget(folder, cell.id, [name for name in damaged if name not in slices])
    for name in slices:
        (folder.run(cell.id) / name).unlink(missing_ok=True)
    said = [f"{folder.relative(folder.run(cell.id))}/{name} is damaged: computed again." for name in slices]
    rows = (_rows(folder, path) for path in (folder.measurements(cell.id), folder.moved(cell.id)))
    return [*said, *(sentence for each in rows for sentence in each)]


def _forget(folder: RunFolder, cell: str, damaged: list[str]) -> list[str]:
    """Let a run be trained again."""
    # the result comes first: without it nothing else counts
    folder.result(cell).unlink(missing_ok=True)
    folder.measurements(cell).unlink(missing_ok=True)
    folder.moved(cell).unlink(missing_ok=True)
    return [f"{folder.relative(folder.run(cell))}/{name} is damaged: trained again." for name in damaged]


def _rows(folder: RunFolder, path: Path) -> list[str]:
    """Keep the sound rows of a file."""
    rows, lost = store.sound_rows(path)
    if not lost:
        return []
    store.write_rows(path, map(store.sealed, rows))
    return [f"{folder.relative(path)} is damaged: {lost} {'row' if lost == 1 else 'rows'} measured again."]
