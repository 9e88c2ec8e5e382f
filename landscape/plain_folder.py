"""A folder from a stranger stays inside of itself: no symbolic link out of it, nothing but files and folders."""

import os
from pathlib import Path

from landscape.errors import StorageError


class OnlyRead(str):
    """A path that a file names, which may be a stranger's: what lies there is read, and nothing is written there."""


def refuse_links_out(root: Path, *names: str) -> None:
    """Return if nothing in a folder leads out of it; links are looked at and not followed.

    The folder itself may be a link, which is the user's own, and what lies in it may link to what lies in it. Pipes
    and devices, which would be waited for forever, are refused too.

    Args:
        root: The folder; one that is not there is as good as empty.
        names: What in it is looked at, with all that lies below; everything when empty.

    Raises:
        StorageError: If something does; says what and where to.
    """
    inside = Path(os.path.realpath(root))
    waiting = [os.fspath(root)]
    while waiting:
        for entry in _entries(waiting.pop()):
            if names and entry.name not in names and Path(entry.path).parent == root:
                continue
            if entry.is_symlink():
                _refuse_link_out(Path(entry.path), root, inside)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                raise StorageError(f"{entry.path} is no file and no folder, but a pipe or a device. Delete it.")


def _entries(folder: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        # not there yet, or gone since it was listed: other processes may work in it
        return []
    except OSError as error:
        raise StorageError(f"Cannot read {folder}: {error.strerror}.") from error


def _refuse_link_out(link: Path, root: Path, inside: Path) -> None:
    target = os.path.realpath(link)
    if not Path(target).is_relative_to(inside):
        raise StorageError(
            f"{link} is a symbolic link to {target}, outside of {root}. Links out of a folder are not followed: put "
            f"the file itself there, or delete the link."
        )
