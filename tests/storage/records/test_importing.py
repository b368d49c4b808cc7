# ruff: noqa: E501 - one case, one line
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openpersonalize.errors import JobFailed
from openpersonalize.storage.records import Dataset, Records
from tests.storage.records.conftest import CATALOGUE, EVENTS, INTERACTIONS, ITEMS, Bring, rows_of, schema

HEAD = "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\n"
ROWS = "Input CSV has rows that do not conform to the dataset schema: "
BREAKS = "one record per line, without line breaks"


def items(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    empty = {column.name: None for column in CATALOGUE.columns}
    return [{**empty, **row} for row in rows]


GOOD: dict[str, tuple[bytes, list[dict[str, Any]]]] = {
    "columns in any order, unknown and nameless ones ignored": (
        b",TITLE,EXTRA,ITEM_ID,GENRES,PRICE,STOCK,ADULT\n0,Heat,junk,a,x|y,1.5,3,true\n1,,,b,,,,\n",
        items(
            {"ITEM_ID": "a", "TITLE": "Heat", "GENRES": "x|y", "PRICE": 1.5, "STOCK": 3, "ADULT": True},
            {"ITEM_ID": "b"},
        ),
    ),
    "byte order mark and CRLF": (
        b"\xef\xbb\xbfITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\r\na,,2,,false,\r\nb,,,,,\r\n",
        items({"ITEM_ID": "a", "PRICE": 2.0, "ADULT": False}, {"ITEM_ID": "b"}),
    ),
    "no line break at the end": (b"ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\na,,,,,", items({"ITEM_ID": "a"})),
    "blank lines": (
        b"ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\n\na,,,,,\n\n\n\nb,,,,,\n\r\n\n",
        items({"ITEM_ID": "a"}, {"ITEM_ID": "b"}),
    ),
    "quotes, commas, backslashes and doubled quotes in one file": (
        (
            b"ITEM_ID,TITLE,GENRES,PRICE,STOCK,ADULT\n"
            b'a,"one, two",,,,\nb,"a \\"b\\" c",,,,\nc,"a ""b"" c",,,,\nd,"back \\\\ slash",,,,\ne,"",,,,\nf,"x","y","1.5","2","true"\n'
        ),
        items(
            {"ITEM_ID": "a", "TITLE": "one, two"},
            {"ITEM_ID": "b", "TITLE": 'a "b" c'},
            {"ITEM_ID": "c", "TITLE": 'a "b" c'},
            {"ITEM_ID": "d", "TITLE": "back \\ slash"},
            {"ITEM_ID": "e"},
            {"ITEM_ID": "f", "TITLE": "x", "GENRES": "y", "PRICE": 1.5, "STOCK": 2, "ADULT": True},
        ),
    ),
    "unicode": (
        "ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\nключ,日本|語,,,,😀\n".encode(),
        items({"ITEM_ID": "ключ", "GENRES": "日本|語", "TITLE": "😀"}),
    ),
    "words that other programs take for nothing are text": (
        b"ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\nnull,NA,,,,NaN\n",
        items({"ITEM_ID": "null", "GENRES": "NA", "TITLE": "NaN"}),
    ),
    "blanks around numbers, exponents in decimals": (
        b"ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\na,, 1e3 , -7 ,,\n",
        items({"ITEM_ID": "a", "PRICE": 1000.0, "STOCK": -7}),
    ),
    "free text is cut": (
        ("ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\na,,,,," + "é" * 20_001 + "\n").encode(),
        items({"ITEM_ID": "a", "TITLE": "é" * 20_000}),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_taken(name: str, records: Records, bring: Bring) -> None:
    content, expected = GOOD[name]
    assert bring(ITEMS, CATALOGUE, content).rows == len(expected)
    assert rows_of(records, ITEMS) == expected


BAD: dict[str, tuple[list[str | bytes], str]] = {
    "missing columns": (["USER_ID,EVENT_TYPE,EVENT_VALUE\n"], "Input CSV is missing the following columns: [ITEM_ID, TIMESTAMP]."),
    "a column in other case": ([HEAD.lower()], "Input CSV is missing the following columns: [USER_ID, ITEM_ID, EVENT_TYPE, EVENT_VALUE, TIMESTAMP]."),
    "no files": ([], "No data found at s3://shop/in/."),
    "an empty file": ([b""], "No data found at s3://shop/in/."),
    "a header only": ([HEAD], "No data found at s3://shop/in/."),
    "a header without its line break": ([HEAD.strip()], "No data found at s3://shop/in/."),
    "a header and blank lines": ([HEAD + "\n\n"], "No data found at s3://shop/in/."),
    "duplicate header": (["USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP,user_id\n"], "Input CSV has duplicate columns in a.csv: USER_ID, user_id."),
    "a header that is not UTF-8": ([b"\xff\n"], "The header of a.csv is not UTF-8."),
    "a word for a time": ([HEAD + "u,i,Click,,yesterday\n"], ROWS + "TIMESTAMP, line 2 of a.csv: 'yesterday' must be a whole number."),
    "an exponent in a whole number": ([HEAD + "u,i,Click,,1.7e9\n"], ROWS + "TIMESTAMP, line 2 of a.csv: '1.7e9' must be a whole number."),
    "milliseconds": ([HEAD + "u,i,Click,,1700000000000\n"], ROWS + "TIMESTAMP, line 2 of a.csv: '1700000000000' must be a time in Unix epoch seconds, at most 100000000000."),
    "not a number": ([HEAD + "u,i,Click,NaN,1\n"], ROWS + "EVENT_VALUE, line 2 of a.csv: 'NaN' must be a number."),
    "too large a number": ([HEAD + "u,i,Click,1e999,1\n"], ROWS + "EVENT_VALUE, line 2 of a.csv: '1e999' must be a number."),
    "a blank id": ([HEAD + "u,i,Click,,1\n,i,Click,,1\n"], ROWS + "USER_ID, line 3 of a.csv: a value is required, the column is not nullable."),
    "a quoted blank id": ([HEAD + 'u,"",Click,,1\n'], ROWS + "ITEM_ID, line 2 of a.csv: a value is required, the column is not nullable."),
    "too few columns": ([HEAD + "u,i,Click,,1\nu,i\n"], ROWS + "line 3 of a.csv: 2 columns, the header has 5."),
    "too many columns": ([HEAD + "u,i,Click,,1,2\n"], ROWS + "line 2 of a.csv: 6 columns, the header has 5."),
    "an open quote": ([HEAD + 'u,i,"Click,,1\nu,i,Click,,1\n'], ROWS + f"line 2 of a.csv: a quote or a backslash is left open; {BREAKS}."),
    "a line break in quotes": ([HEAD + 'u,i,"a\nb",,1\n'], ROWS + f"line 2 of a.csv: a quote or a backslash is left open; {BREAKS}; line 3 of a.csv: 3 columns, the header has 5."),
    "a line break after a backslash": ([HEAD + "u,i,a\\\nb,,1\n"], ROWS + f"line 2 of a.csv: a quote or a backslash is left open; {BREAKS}; line 3 of a.csv: 3 columns, the header has 5."),
    "two line breaks in quotes": ([HEAD + 'u,i,"a\n\nb",,1\n'], ROWS + f"line 2 of a.csv: a quote or a backslash is left open; {BREAKS}; line 4 of a.csv: 3 columns, the header has 5."),
    "bad UTF-8": ([HEAD.encode() + b"u,i,Click,,1\nu,\xff\xfe,Click,,1\n"], ROWS + r"line 3 of a.csv: b'\xff\xfe,Click' is not UTF-8."),
    "bad UTF-8 in a column nobody asked for": ([b"X," + HEAD.encode() + b"\xff,u,i,Click,,1\n"], ROWS + r"line 2 of a.csv: b'\xff,u,i,Cl' is not UTF-8."),
    "half a letter at the end": ([HEAD.encode() + b"u,i,Click,,1\xc3"], ROWS + r"line 2 of a.csv: b'\xc3' is not UTF-8."),
    "a null character": ([HEAD.encode() + b"u,a\0b,Click,,1\n"], ROWS + r"ITEM_ID, line 2 of a.csv: 'a\x00b' must not contain a null character or half a surrogate pair."),
    "an id too long": (
        [HEAD + f"{'x' * 257},i,Click,,1\n"],
        "Length cannot be more than 256 characters for USER_ID. Text with commas must stand in double quotes. "
        + ROWS + f"USER_ID, line 2 of a.csv: '{'x' * 59}… length cannot be more than 256 characters.",
    ),
    "the first five of many": (
        [HEAD + "u,i,Click,,x\n" * 9],
        ROWS + "; ".join(f"TIMESTAMP, line {line} of a.csv: 'x' must be a whole number" for line in range(2, 7)) + ".",
    ),
    "the second of two files": ([HEAD + "u,i,Click,,1\n", HEAD + "u,i,Click,,x\n"], ROWS + "TIMESTAMP, line 2 of b.csv: 'x' must be a whole number."),
    "other headers": (
        [HEAD + "u,i,Click,,1\n", "X," + HEAD + "1,u,i,Click,,1\n"],
        ("Input files must have identical headers: a.csv has [USER_ID, ITEM_ID, EVENT_TYPE, EVENT_VALUE, TIMESTAMP], "
         "b.csv has [X, USER_ID, ITEM_ID, EVENT_TYPE, EVENT_VALUE, TIMESTAMP]."),
    ),
    "too few rows": ([HEAD + "u,i,Click,,1\n" * 500, HEAD + "u,i,Click,,1\n" * 499], "Dataset has fewer than 1000 interactions. The files hold 999."),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_fails_with_a_reason(name: str, records: Records, bring: Bring) -> None:
    contents, reason = BAD[name]
    with pytest.raises(JobFailed) as caught:
        bring(EVENTS, INTERACTIONS, *contents, minimum_rows=1000 if name == "too few rows" else 0)
    assert str(caught.value) == reason
    assert rows_of(records, EVENTS) == []
    assert not records.has_bulk(EVENTS)


@pytest.mark.parametrize("value", ["True", "FALSE", "1", "yes"])
def test_a_boolean_is_true_or_false(value: str, bring: Bring) -> None:
    with pytest.raises(JobFailed, match=rf"ADULT, line 2 of a.csv: '{value}' must be true or false"):
        bring(ITEMS, CATALOGUE, f"ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\na,,,,{value},\n")


def test_whole_numbers_have_the_range_of_their_type(bring: Bring) -> None:
    with pytest.raises(
        JobFailed, match=r"STOCK, line 2 of a.csv: '2147483648' must be between -2147483648 and 21474836"
    ):
        bring(ITEMS, CATALOGUE, "ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\na,,,2147483648,,\n")


def test_a_category_has_at_most_a_thousand_characters(bring: Bring) -> None:
    with pytest.raises(JobFailed, match=r"^Length cannot be more than 1000 characters for GENRES"):
        bring(ITEMS, CATALOGUE, f"ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\na,{'x' * 1001},,,,\n")


def test_action_events_are_spelled_one_way(records: Records, bring: Bring) -> None:
    table = Dataset("000000000000", "us-east-1", "shop", "ACTION_INTERACTIONS")
    actions = schema("ActionInteractions", "USER_ID string", "ACTION_ID string", "EVENT_TYPE string", "TIMESTAMP long")
    bring(table, actions, "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nu,a,Taken,1\nu,a,Not taken,2\nu,a, VIEWED,3\n")
    assert [row["EVENT_TYPE"] for row in rows_of(records, table)] == ["TAKEN", "NOT_TAKEN", "VIEWED"]
    with pytest.raises(
        JobFailed, match=r"EVENT_TYPE, line 2 of a.csv: 'Clicked' must be one of TAKEN, NOT_TAKEN, VIEWE"
    ):
        bring(table, actions, "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nu,a,Clicked,1\n")


def test_the_line_is_right_in_a_large_file(bring: Bring) -> None:
    rows = [f"user{row},item{row % 97},Click,1.5,{1_600_000_000 + row}\n" for row in range(150_000)]
    rows[123_456] = "u,i,Click,,soon\n"
    rows[140_000] = "u,i\n"
    reason = (
        "TIMESTAMP, line 123458 of b.csv: 'soon' must be a whole number; line 140002 of b.csv: 2 columns, the header"
    )
    with pytest.raises(JobFailed, match=reason):
        bring(EVENTS, INTERACTIONS, HEAD + "u,i,Click,,1\n", HEAD + "".join(rows))


def test_a_line_break_in_quotes_is_found_though_a_later_row_is_what_the_parser_stumbles_over(bring: Bring) -> None:
    good = "u,i,Click,,1\n"
    content = HEAD + good * 200_000 + 'u,i,"a\n\nb",,1\n' + good * 200_000 + "u,i,Click,,x\n"
    with pytest.raises(JobFailed, match=r"(line 200002|line 400005) of a\.csv: "):
        bring(EVENTS, INTERACTIONS, content)


def test_full_replaces_and_incremental_adds(records: Records, bring: Bring) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n", mode="INCREMENTAL")
    assert [row["ITEM_ID"] for row in rows_of(records, EVENTS)] == ["a", "b"]
    bring(EVENTS, INTERACTIONS, HEAD + "u,c,Click,,1\nu,c,Click,,1\n")
    assert [row["ITEM_ID"] for row in rows_of(records, EVENTS)] == ["c", "c"]
    assert records.statistics(EVENTS).bulk_rows == 2


def test_ingestion_is_counted_upward_even_when_the_clock_stands_still(records: Records, bring: Bring) -> None:
    for mode in ("FULL", "INCREMENTAL", "INCREMENTAL"):
        bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n" * 3, mode=mode)
    numbers = [row["_ingested"] for row in rows_of(records, EVENTS, ["_ingested"])]
    assert len(set(numbers)) == 9
    assert records.statistics(EVENTS).newest == numbers[-1]


def test_the_same_job_again_changes_nothing(records: Records, bring: Bring) -> None:
    first = bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n", token="arn:job")
    again = bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n", token="arn:job", mode="INCREMENTAL")
    assert again == first
    assert [row["ITEM_ID"] for row in rows_of(records, EVENTS)] == ["a"]


def test_the_same_job_in_two_workers_is_one(records: Records, bring: Bring) -> None:
    def meanwhile() -> None:
        bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n", token="arn:job", mode="INCREMENTAL")

    slow = bring(
        EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n", token="arn:job", mode="INCREMENTAL", before_commit=meanwhile
    )
    assert slow.rows == 1
    assert len(rows_of(records, EVENTS)) == 1


class Stopped(Exception):  # noqa: N818
    """What a progress callback raises."""


@pytest.mark.parametrize("point", ["progress", "before_commit"])
@pytest.mark.parametrize("mode", ["FULL", "INCREMENTAL"])
def test_a_stopped_import_changes_nothing(point: str, mode: str, records: Records, bring: Bring) -> None:
    def stop(*_: Any) -> None:
        raise Stopped

    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    before = records.statistics(EVENTS)
    with pytest.raises(Stopped):
        bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n", mode=mode, **{point: stop})
    assert records.statistics(EVENTS) == before
    assert [row["ITEM_ID"] for row in rows_of(records, EVENTS)] == ["a"]


def test_a_failed_import_leaves_the_earlier_rows(records: Records, bring: Bring) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    with pytest.raises(JobFailed):
        bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n" * 100_000 + "u,b,Click,,x\n")
    assert [row["ITEM_ID"] for row in rows_of(records, EVENTS)] == ["a"]


def test_a_reader_keeps_its_version_while_an_import_runs(records: Records, bring: Bring) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    held = records.tables.of(EVENTS).open()
    assert held is not None
    seen: list[int] = []
    bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n" * 3, before_commit=lambda: seen.append(held.count()))
    assert seen == [1]
    assert held.to_pyarrow_table()["ITEM_ID"].to_pylist() == ["a"]


def test_old_rows_are_null_in_columns_added_later(records: Records, bring: Bring) -> None:
    old = schema("Items", "ITEM_ID string", "PRICE float?")
    new = schema("Items", "ITEM_ID string", "PRICE float?", "STOCK int?")
    bring(ITEMS, old, "ITEM_ID,PRICE\na,1\n")
    bring(ITEMS, new, "STOCK,ITEM_ID,PRICE\n7,b,2\n", mode="INCREMENTAL")
    assert [(row["ITEM_ID"], row["STOCK"]) for row in rows_of(records, ITEMS)] == [("a", None), ("b", 7)]
    newest = schema("Items", "ITEM_ID string", "PRICE float?", "STOCK int?", "COLOUR string? categorical")
    bring(ITEMS, newest, "STOCK,ITEM_ID,PRICE,COLOUR\n7,c,2,red\n")
    assert rows_of(records, ITEMS) == [{"ITEM_ID": "c", "PRICE": 2.0, "STOCK": 7, "COLOUR": "red"}]


def test_progress_is_told_with_rows(bring: Bring) -> None:
    told: list[tuple[float, str]] = []
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n" * 5, progress=lambda share, text: told.append((share, text)))
    assert told == [(0.99, "5 rows")]


def test_a_dropped_dataset_is_empty_and_can_be_filled_again(records: Records, bring: Bring) -> None:
    records.drop(EVENTS)
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n", token="arn:job")
    records.drop(EVENTS)
    assert not records.has_bulk(EVENTS)
    bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n", token="arn:job")
    assert [row["ITEM_ID"] for row in rows_of(records, EVENTS)] == ["b"]


@pytest.mark.parametrize("part", ["", "..", "a/b", "a\\b", "-a", "a.b"])
def test_no_name_leads_out_of_the_tables(part: str) -> None:
    with pytest.raises(ValueError, match="cannot name a table"):
        Dataset("000000000000", "us-east-1", part, "ITEMS")


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_parquet_is_taken_too(records: Records, bring: Bring) -> None:
    content = parquet(
        EXTRA=[[1], [2]],
        PRICE=pa.array([1, None], pa.int64()),
        STOCK=pa.array([3.0, None], pa.float64()),
        GENRES=pa.array(["x", ""]).dictionary_encode(),
        ADULT=[True, None],
        TITLE=pa.array(["é" * 20_001, None], pa.large_string()),
        ITEM_ID=pa.array([1, 2], pa.int32()),
    )
    bring(ITEMS, CATALOGUE, content)
    assert rows_of(records, ITEMS) == items(
        {"ITEM_ID": "1", "GENRES": "x", "PRICE": 1.0, "STOCK": 3, "ADULT": True, "TITLE": "é" * 20_000},
        {"ITEM_ID": "2"},
    )


PARQUET = {"USER_ID": ["u", "u"], "ITEM_ID": ["i", "j"], "EVENT_TYPE": ["e", "e"], "EVENT_VALUE": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (parquet(**PARQUET), "Input Parquet is missing the following columns: [TIMESTAMP]."),
        (parquet(**PARQUET, TIMESTAMP=["a", "b"]), "Input Parquet does not conform to the dataset schema: a.csv: TIMESTAMP is string, which is no long."),
        (parquet(**PARQUET, TIMESTAMP=[1, None]), "Input Parquet has rows that do not conform to the dataset schema: TIMESTAMP, row 2 of a.csv: a value is required, the column is not nullable."),
        (parquet(**PARQUET, TIMESTAMP=[1.5, 2.0]), "Input Parquet has rows that do not conform to the dataset schema: TIMESTAMP, row 1 of a.csv: 1.5 must be a whole number."),
        (parquet(**PARQUET, TIMESTAMP=[1, 10**12]), "Input Parquet has rows that do not conform to the dataset schema: TIMESTAMP, row 2 of a.csv: 1000000000000 must be a time in Unix epoch seconds, at most 100000000000."),
        (parquet(**{**PARQUET, "USER_ID": ["u", ""]}, TIMESTAMP=[1, 2]), "Input Parquet has rows that do not conform to the dataset schema: USER_ID, row 2 of a.csv: a value is required, the column is not nullable."),
        (parquet(**{**PARQUET, "EVENT_VALUE": [1.0, float("nan")]}, TIMESTAMP=[1, 2]), "Input Parquet has rows that do not conform to the dataset schema: EVENT_VALUE, row 2 of a.csv: nan must be a number."),
        (parquet(**{**PARQUET, "ITEM_ID": ["a\0", "b"]}, TIMESTAMP=[1, 2]), r"Input Parquet has rows that do not conform to the dataset schema: ITEM_ID, row 1 of a.csv: 'a\x00' must not contain a null character or half a surrogate pair."),
    ],
)  # fmt: skip
def test_bad_parquet_fails_with_a_reason(content: bytes, reason: str, bring: Bring) -> None:
    with pytest.raises(JobFailed) as caught:
        bring(EVENTS, INTERACTIONS, content)
    assert str(caught.value) == reason


def test_a_broken_parquet_file_fails_with_a_reason(bring: Bring) -> None:
    with pytest.raises(JobFailed, match=r"a\.csv is not a readable Parquet file"):
        bring(EVENTS, INTERACTIONS, b"PAR1 and then nothing of the kind")


TEXT = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            TEXT.filter(bool), TEXT, st.none() | st.floats(-1e300, 1e300), st.none() | st.integers(-(2**31), 2**31 - 1)
        ),
        min_size=1,
        max_size=20,
    ),
    quote=st.sampled_from(['\\"', '""']),
)
def test_what_is_written_as_the_guide_says_comes_back(
    rows: list[tuple[Any, ...]], quote: str, records: Records, bring: Bring
) -> None:
    def cell(text: str) -> str:
        text = text.replace("\\", "\\\\")
        return f'"{text.replace(chr(34), quote)}"'

    lines = [
        ",".join([cell(a), cell(b), "" if c is None else repr(c), "" if d is None else str(d), "", ""])
        for a, b, c, d in rows
    ]
    bring(ITEMS, CATALOGUE, "\n".join(["ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE", *lines]))
    found = [(row["ITEM_ID"], row["GENRES"], row["PRICE"], row["STOCK"]) for row in rows_of(records, ITEMS)]
    assert found == [(a, b or None, c, d) for a, b, c, d in rows]


def test_files_are_read_where_they_are(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "events.csv"
    path.write_text(HEAD + "u,a,Click,,1\n")
    done = records.import_files(
        EVENTS,
        INTERACTIONS,
        [("events.csv", path)],
        mode="FULL",
        token="t",
        progress=lambda _share, _text: None,
        before_commit=lambda: None,
    )
    assert (done.rows, done.bytes) == (1, path.stat().st_size)
