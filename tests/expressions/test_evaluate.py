import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from openpersonalize.expressions.columns import Numbers, Table, Texts
from openpersonalize.expressions.evaluate import Asked, Candidates, prepare
from openpersonalize.expressions.filter_grammar import parse

COLORS = ["red", "blue", "red|blue", "green", None]
rows = st.lists(st.tuples(st.sampled_from(COLORS), st.none() | st.integers(-3, 3)), max_size=12)
conditions = st.sampled_from(
    [
        'Items.COLOR IN ("red")',
        'Items.COLOR NOT IN ("red", "green")',
        "Items.SIZE < 2",
        "Items.SIZE != 0",
        "Items.SIZE IN (1, 2)",
        'Interactions.EVENT_TYPE IN ("click")',
        'Interactions.EVENT_TYPE NOT IN ("click")',
    ]
)
events = st.lists(st.tuples(st.integers(0, 12).map(str), st.sampled_from(["click", "buy"])), max_size=5)


def _kept(text: str, cells: list[tuple[str | None, int | None]], done: list[tuple[str, str]]) -> set[str]:
    ids = [str(number) for number in range(len(cells) + 2)]  # the last two have no row
    table = Table(
        {str(number): number for number in range(len(cells))},
        {
            "COLOR": Texts.of((color for color, _ in cells), categorical=True),
            "SIZE": Numbers.of(size for _, size in cells),
        },
    )
    candidates = Candidates(table.rows_of(ids), {name: place for place, name in enumerate(ids)})
    kept = prepare(parse(text), table).keep(candidates, Asked(events=done))
    return {ids[place] for place in np.flatnonzero(kept)}


@settings(deadline=None)
@given(conditions, rows, events)
def test_include_and_exclude_share_out_all_candidates(
    condition: str, cells: list[tuple[str | None, int | None]], done: list[tuple[str, str]]
) -> None:
    included = _kept(f"INCLUDE ItemID WHERE {condition}", cells, done)
    excluded = _kept(f"EXCLUDE ItemID WHERE {condition}", cells, done)
    assert not included & excluded
    assert included | excluded == {str(number) for number in range(len(cells) + 2)}


@settings(deadline=None)
@given(conditions, conditions, rows, events)
def test_a_bar_joins_sets(
    first: str, second: str, cells: list[tuple[str | None, int | None]], done: list[tuple[str, str]]
) -> None:
    one, other = f"INCLUDE ItemID WHERE {first}", f"INCLUDE ItemID WHERE {second}"
    both = _kept(f"{one} | {other}", cells, done)
    assert both == _kept(one, cells, done) | _kept(other, cells, done)
    less = _kept(f"{one} | EXCLUDE ItemID WHERE {second}", cells, done)
    assert less == _kept(one, cells, done) - _kept(other, cells, done)
