"""The cases of filters.txt: what each filter keeps, or why it is refused."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from openpersonalize import avro
from openpersonalize.expressions import ExpressionError, values
from openpersonalize.expressions.check import faults
from openpersonalize.expressions.columns import Cell, Column, Numbers, Table, Texts
from openpersonalize.expressions.evaluate import Asked, Candidates, prepare
from openpersonalize.expressions.filter_grammar import parse
from openpersonalize.expressions.filters import write


def _schema(name: str, *columns: str) -> avro.Schema:
    fields = []
    for column in columns:
        title, kind, *flags = column.split()
        fields.append({"name": title, "type": kind, **dict.fromkeys(flags, True)})
    return avro.parse(json.dumps({"type": "record", "name": name, "fields": fields}))


SCHEMAS = {
    schema.dataset_type: schema
    for schema in (
        _schema(
            "Items",
            "ITEM_ID string",
            "GENRES string categorical",
            "BRAND string",
            "COLOR string",
            "DESCRIPTION string textual",
            "RARE boolean",
            "PRICE float",
            "STOCK int",
            "CREATION_TIMESTAMP long",
        ),
        _schema("Users", "USER_ID string", "AGE int", "TIER string categorical", "CITY string"),
        _schema(
            "Interactions",
            "USER_ID string",
            "ITEM_ID string",
            "TIMESTAMP long",
            "EVENT_TYPE string",
            "DEVICE string categorical",
        ),
        _schema("Actions", "ACTION_ID string", "CHANNEL string categorical", "VALUE long", "REPEAT_FREQUENCY long"),
        _schema("ActionInteractions", "USER_ID string", "ACTION_ID string", "TIMESTAMP long", "EVENT_TYPE string"),
    )
}


@dataclass
class Case:
    """One paragraph: its title, and its lines by their first word."""

    title: str
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def parts(self, word: str) -> list[str]:
        """What stands between the bars."""
        return [part.strip() for line in self.lines[word] for part in line.split(" | ") if part.strip()]

    def one(self, word: str) -> str:
        """The whole text."""
        return " ".join(self.lines[word])


def _read() -> list[Case]:
    cases: list[Case] = []
    word = ""
    for line in Path(__file__).with_name("filters.txt").read_text().splitlines():
        if line.startswith("## "):
            cases.append(Case(line[3:]))
        elif line.startswith(" "):
            cases[-1].lines[word][-1] += "\n" + line
        elif line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            cases[-1].lines[word].append(rest.strip())
    return cases


def _cell(column: avro.Column, text: str) -> Cell:
    if column.is_number:
        return float(text)
    return tuple(text.split("|")) if column.categorical else (text,)


def _row(text: str) -> tuple[str, dict[str, str]]:
    name, *cells = text.split()
    return name, dict(cell.split("=", 1) for cell in cells)


def _table(schema: avro.Schema, rows: list[tuple[str, dict[str, str]]]) -> Table:
    columns: dict[str, Column] = {}
    for column in schema.columns:
        texts = [row.get(column.name) for _, row in rows]
        columns[column.name] = (
            Numbers.of([None if text is None else float(text) for text in texts])
            if column.is_number
            else Texts.of(texts, categorical=column.categorical)
        )
    return Table({name: number for number, (name, _) in enumerate(rows)}, columns)


def _kept(case: Case) -> list[str]:
    tree = parse(case.one("filter"))
    assert parse(write(tree)) == tree
    assert [str(fault) for fault in faults(tree, SCHEMAS)] == []
    kind = {"ItemID": "ITEMS", "UserID": "USERS", "ActionID": "ACTIONS"}[tree.subject]
    rows = [_row(part) for part in case.parts(kind.lower())]
    table = _table(SCHEMAS[kind], rows)
    ids = [name for name, _ in rows] + case.one("strange").split()
    users = {column.name: column for column in SCHEMAS["USERS"].columns}
    user = dict(cell.split("=", 1) for cell in case.one("user").split())
    asked = Asked(
        events=[(part.split()[0], part.split()[1]) for part in case.parts("did")],
        user={name: _cell(users[name], text) for name, text in user.items()},
        seed=table.rows.get(case.one("seed"), -1),
        given=values.read(tree, dict(line.split(" ", 1) for line in case.lines["value"])),
    )
    candidates = Candidates(table.rows_of(ids), {name: place for place, name in enumerate(ids)})
    kept = prepare(tree, table).keep(candidates, asked)
    assert kept.dtype == np.bool_
    return [name for name, stays in zip(ids, kept, strict=True) if stays]


def _refused(case: Case) -> list[str]:
    try:
        found = faults(parse(case.one("filter")), SCHEMAS)
        if not found:
            _kept(case)
    except (ExpressionError, values.FilterValueError) as fault:
        return [str(fault)]
    return [str(fault) for fault in found]


@pytest.mark.parametrize("case", _read(), ids=lambda case: case.title)
def test_case(case: Case) -> None:
    if "fault" in case.lines:
        assert _refused(case) == case.lines["fault"]
    else:
        assert _kept(case) == case.one("keeps").split()


def test_without_a_dataset_nothing_can_be_said_about_it() -> None:
    (fault,) = faults(parse("INCLUDE ItemID WHERE Items.PRICE > 3 IF CurrentUser.AGE > 3"), {"ITEMS": SCHEMAS["ITEMS"]})
    assert str(fault) == "Character 41: the dataset group has no Users dataset"
