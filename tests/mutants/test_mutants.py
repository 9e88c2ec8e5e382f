"""The record of the mutants is whole, and docs/mutants.md says what it holds."""

import json
from pathlib import Path

from mutant_record import KINDS, NAMES, REASONS, RECORD, key_of, table

ROOT = Path(__file__).resolve().parents[2]
ROWS = json.loads(RECORD.read_text())["mutants"]


def test_the_document_is_what_the_record_gives():
    assert (ROOT / "docs" / "mutants.md").read_text() == table()


def test_each_mutant_is_there_once_and_what_killed_it_is_named():
    assert len({tuple(row[name] for name in NAMES) for row in ROWS}) == len(ROWS)
    assert {row["outcome"] for row in ROWS} <= {"killed", "survived", "timeout", "open"}
    assert all(row["by"] or row["why"] for row in ROWS if row["outcome"] == "killed")


def test_each_survivor_has_its_reason():
    reasons = json.loads(REASONS.read_text())
    assert {key_of(row) for row in ROWS if row["outcome"] == "survived"} == reasons.keys()
    assert all(kind in KINDS and why.strip() for kind, why in reasons.values())
