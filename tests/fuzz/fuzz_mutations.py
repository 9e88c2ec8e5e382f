"""Small and nasty changes to files: of their bytes, and of the values in them."""

import copy
import io
import json
import random
import re
import struct
import tomllib
import zipfile

import numpy as np

from landscape.store import sealed
from landscape.study.toml_text import quote, toml_value

WORDS = (
    "", " ", "..", "../../x", "/etc/passwd", "a/b", "nan", "inf", "none", "*", "epoch:0", "matched:0.3", "ema:0.9",
    "__class__", "os:system", "x.py:f", "torch:load", "<script>alert(1)</script>", "\\input{/etc/passwd}", "$(id)",
    "\x1b[31m", "\x00", "\u202e", "\ud800", "x" * 300, "-" * 5000, "top_eigenvalue", "sgd", "adam", "end", "matched",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 100, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.5, 1e-9,
    5e-324, 1e-300, 1e30, 1e200, 1.7e308, -1e308, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
OTHERS = (None, True, False, [], {}, [[]], [None], [1, "a"], {"": None}, {"a": {"b": {"c": []}}}, [1] * 400)
DIGITS = (b"0", b"-1", b"1e999", b"1e308", b"99999999999999999999", b"1e-320", b"NaN", b"-0", b"0.1.2", b"1" * 500)


def _deep(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


# bytes


def flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(chance.choice((1, 1, 1, 4, 32))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def removed(data: bytes, chance: random.Random) -> bytes:
    start, end = _piece(data, chance)
    return data[:start] + data[end:]


def doubled(data: bytes, chance: random.Random) -> bytes:
    start, end = _piece(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 1, 2, 50)) + data[end:]


def spliced(data: bytes, chance: random.Random) -> bytes:
    """A piece of the file in another place of it."""
    start, end = _piece(data, chance)
    place = chance.randrange(len(data) + 1)
    return data[:place] + data[start:end] + data[place:]


def noise(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.choice((1, 8, 64))) + data[place:]


def renumbered(data: bytes, chance: random.Random) -> bytes:
    """Another number in the place of one that is written in digits."""
    places = list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", data[:200_000]))
    if not places:
        return flipped(data, chance)
    place = chance.choice(places)
    return data[: place.start()] + chance.choice(DIGITS) + data[place.end() :]


OF_BYTES = (flipped, cut, removed, doubled, spliced, noise, renumbered)


def bytes_changed(data: bytes, chance: random.Random) -> bytes:
    return chance.choice(OF_BYTES)(data, chance)


def _piece(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 4, 30, 300)))


# values


def value_changed(value, chance: random.Random):
    """Return a value with one place in it changed, in place: another value, another kind or key, more or less."""
    places = list(_places(value))
    if not places:
        return chance.choice((*OTHERS, *NUMBERS, *WORDS))
    holder, key = chance.choice(places)
    how = chance.randrange(9)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[chance.choice((*WORDS, *map(str, holder)))] = holder.pop(key)
    elif how == 2:
        other, name = chance.choice(places)
        holder[key] = copy.deepcopy(other[name])
    elif how == 3 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(chance.choice((1, 1, 20))))
    elif how == 4:
        holder[key] = chance.choice(
            ([holder[key]], {"a": holder[key]}, str(holder[key]), _deep(chance.choice((5, 3000))))
        )
    elif how == 5:
        holder[key] = chance.choice(WORDS)
    elif how == 6:
        holder[key] = copy.deepcopy(chance.choice(OTHERS))
    else:
        holder[key] = chance.choice(NUMBERS)
    return value


def _places(value):
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        yield value, key
        yield from _places(each)


def _json(value) -> bytes:
    # written by hand where it is nested more deeply than the encoder goes
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"[" * 3000 + b"]" * 3000


def _sealed_again(value):
    try:
        return sealed({key: each for key, each in value.items() if key != "seal"})
    except (RecursionError, ValueError):
        return value


def json_changed(data: bytes, chance: random.Random) -> bytes:
    """A JSON file with a value changed; the checksum of a sealed one mostly fits again."""
    value = json.loads(data)
    changed = value_changed(value, chance)
    if isinstance(changed, dict) and "seal" in changed and chance.random() < 0.8:
        changed = _sealed_again(changed)
    return _json(changed)


def rows_changed(data: bytes, chance: random.Random) -> bytes:
    """JSON lines with a line changed, dropped or doubled."""
    lines = data.splitlines()
    if not lines:
        return bytes_changed(data, chance)
    index = chance.randrange(len(lines))
    how = chance.randrange(6)
    if how == 0:
        del lines[index]
    elif how == 1:
        lines.append(lines[index])
    else:
        lines[index] = json_changed(lines[index], chance)
    return b"\n".join(lines) + b"\n"


def toml_changed(data: bytes, chance: random.Random) -> bytes:
    return _toml(value_changed(tomllib.loads(data.decode()), chance))


def _toml(value) -> bytes:
    if not isinstance(value, dict):
        return str(value).encode(errors="replace")
    try:
        lines = [f"{quote(key)} = {toml_value('none' if each is None else each)}" for key, each in value.items()]
    except RecursionError:
        return b"lr = " + b"[" * 3000 + b"]" * 3000
    return "\n".join(lines).replace("None", '"none"').encode(errors="replace")


def arrays_changed(data: bytes, chance: random.Random) -> bytes:
    """An archive of arrays with one of them changed in shape, kind, name or content."""
    with np.load(io.BytesIO(data)) as file:
        arrays = {name: file[name] for name in file.files}
    name = chance.choice(sorted(arrays))
    kept = arrays[name]
    arrays[name] = chance.choice(
        (
            lambda: kept.ravel()[:-1],
            lambda: kept[None],
            lambda: kept.astype(complex),
            lambda: kept.astype("U8"),
            lambda: np.full(kept.shape, chance.choice((np.nan, np.inf, -np.inf, 1e308, -1.0, 0.0))),
            lambda: np.zeros(0),
            lambda: np.float64(3.0),
            lambda: kept.astype("M8[s]"),
            lambda: np.zeros((1, 0, 3)),
        )
    )()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def safetensors_changed(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file whose header has another value, or says another length."""
    length = struct.unpack("<Q", data[:8])[0]
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    if chance.random() < 0.2:
        return struct.pack("<Q", chance.choice((0, 1, length + 1, 2**31, 2**63, 2**64 - 1))) + data[8:]
    text = _json(value_changed(header, chance))
    return struct.pack("<Q", len(text)) + text + rest


def about_changed(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file of ours whose metadata, JSON in JSON, has another value."""
    return _about(data, lambda about: value_changed(about, chance))


def _about(data: bytes, change) -> bytes:
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["landscape"] = _json(change(json.loads(header["__metadata__"]["landscape"]))).decode()
    text = _json(header)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def archive_changed(data: bytes, chance: random.Random) -> bytes:
    """A zip archive, as torch.save writes it, with a member changed; its checksums fit again."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        pickles = [name for name in names if name.endswith("data.pkl")]
        target = chance.choice(pickles if chance.random() < 0.8 else names)
        for name in names:
            content = old.read(name)
            new.writestr(name, bytes_changed(content, chance) if name == target else content)
    return buffer.getvalue()


# names of code

PLANTED = (
    "planted.py:f",
    "./planted.py:f",
    "planted:f",
    "planted,:f",
    "planted,.py:f",
    " planted.py:f ",
    "a,planted.py:f",
)


def planted(value, chance: random.Random):
    """Return a value that names code in one place, in place: in one of its texts, or in an entry of its own."""
    name = chance.choice(PLANTED)
    entries = (
        *({key: name} for key in ("name", "data", "loss", "model", "optimizer", "measures", "base")),
        {"name": "sam", "options": {"rho": 0.05, "normalize": True, "base": name}},
        {"options": {"base": name}},
        {"optimizer": ["sam"], "optimizer_option": {"base": name}, "lr": {"sam": [0.1]}},
        {"optimizer_option": {"sgd": {"base": name}}},
        {"model_option": {"activation": name}},
    )
    places = list(_places(value))
    texts = [(holder, key) for holder, key in places if isinstance(holder[key], str)]
    tables = [each for each in (value, *(holder[key] for holder, key in places)) if isinstance(each, dict)]
    if texts and (not tables or chance.random() < 0.5):
        holder, key = chance.choice(texts)
        holder[key] = chance.choice(
            (name, name, f"{holder[key]},{name}", f"{holder[key]}={name}", [name], {"base": name})
        )
    elif tables:
        chance.choice(tables).update(copy.deepcopy(chance.choice(entries)))
    return value


def json_planted(data: bytes, chance: random.Random) -> bytes:
    value = planted(json.loads(data), chance)
    return _json(_sealed_again(value) if isinstance(value, dict) and "seal" in value else value)


def toml_planted(data: bytes, chance: random.Random) -> bytes:
    return _toml(planted(tomllib.loads(data.decode()), chance))


def about_planted(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file of ours whose metadata name code."""
    return _about(data, lambda about: planted(about, chance))
