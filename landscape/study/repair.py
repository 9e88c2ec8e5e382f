"""What is damaged in a run folder, named and taken away, so that it is computed again."""

from landscape import store
from landscape.errors import StorageError
from landscape.study.cells import Cell
from landscape.study.folder import STOPS, RunFolder, checksums, read_result


def repair(folder: RunFolder, cell: Cell) -> list[str]:
    """Remove what is damaged of a finished run: torn, truncated or changed since it was written.

    Training is done again where its result or one of its files is not what was written; of the measurements only
    those rows that are damaged; slices whole.

    Returns:
        A sentence for each file that was damaged.
    """
    if not folder.result(cell.id).exists():
        return []
    damaged = _training(folder, cell.id)
    if damaged:
        # the result comes first: without it nothing else counts
        folder.result(cell.id).unlink(missing_ok=True)
        folder.measurements(cell.id).unlink(missing_ok=True)
        return [f"{folder.relative(folder.run(cell.id))}/{name} is damaged: trained again." for name in damaged]
    return [*_measurements(folder, cell.id), *_slices(folder, cell.id)]


def _training(folder: RunFolder, cell: str) -> list[str]:
    """Return the names of the files of a training that are not as they were written."""
    try:
        written = read_result(folder, cell).get("sha256", {})
    except StorageError:
        return ["result.json"]
    now = checksums(folder, cell)
    return [name for name, digest in written.items() if now.get(name) != digest]


def _measurements(folder: RunFolder, cell: str) -> list[str]:
    path = folder.measurements(cell)
    rows, lost = store.sound_rows(path)
    if not lost:
        return []
    store.write_rows(path, map(store.sealed, rows))
    return [f"{folder.relative(path)} is damaged: {lost} {'row' if lost == 1 else 'rows'} measured again."]


def _slices(folder: RunFolder, cell: str) -> list[str]:
    found = []
    for path in (folder.surface(cell, stop) for stop in STOPS):
        try:
            if path.exists():
                store.read_arrays(path)
        except StorageError:
            path.unlink(missing_ok=True)
            found.append(f"{folder.relative(path)} is damaged: computed again.")
    return found
