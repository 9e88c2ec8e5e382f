"""What is mutated: run folders and a checkpoint as this program wrote them, each folder in one file."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent / "corpus"
STUDIES = ("study", "searched")
"""Eight runs at two learning rates with their slices; four runs after a search, with a primary question."""
SMALL = ("study_small", "searched_small")
"""The same with one measure and two points of each training, so that their statistics take milliseconds."""


def pack(folder: Path) -> str:
    """Return a folder as one JSON text: texts as they are, other files in base64; no weights."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".json", ".jsonl", ".toml", ".npz"} and path.name != "report.json":
            name, data = path.relative_to(folder).as_posix(), path.read_bytes()
            files[name] = base64.b64encode(data).decode() if path.suffix == ".npz" else data.decode()
    return json.dumps(files, indent=0) + "\n"


def files_of(study: str) -> dict[str, bytes]:
    """Return the files of a study's folder by their paths in it."""
    packed = json.loads((HERE / f"{study}.json").read_text())
    return {name: base64.b64decode(text) if name.endswith(".npz") else text.encode() for name, text in packed.items()}


def unpack(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write files into a folder, and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
