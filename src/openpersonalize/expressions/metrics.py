"""Metric expressions: what a metric attribution adds up for each matching event.

    SUM(Items.PRICE)   SUM(Interactions.EVENT_VALUE)   SAMPLECOUNT()

Functions, datasets and columns are read in any case, blanks are free. There is no arithmetic and no nesting.
Source: https://docs.aws.amazon.com/personalize/latest/dg/metric-attribution-requirements.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from openpersonalize.avro import Column, Schema
from openpersonalize.expressions.faults import ExpressionError, hint
from openpersonalize.expressions.syntax import Phrase, Syntax

Dataset: TypeAlias = Literal["INTERACTIONS", "ITEMS"]

GRAMMAR = r"""
start: NAME "(" property? ")"
property: NAME "." NAME
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /\s+/
"""
_SYNTAX = Syntax(GRAMMAR, {"NAME": "a name", "LPAR": "'('", "RPAR": "')'", "DOT": "'.'"})
_DATASETS: Mapping[str, Dataset] = {"INTERACTIONS": "INTERACTIONS", "ITEMS": "ITEMS"}
_SPELLED = {"INTERACTIONS": "Interactions", "ITEMS": "Items"}
_SUM, _COUNT = "SUM", "SAMPLECOUNT"


@dataclass(frozen=True)
class Sum:
    """The sum of a numeric column over the matching events; `column` is in capitals, `position` only for messages."""

    dataset: Dataset
    column: str
    position: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class SampleCount:
    """The number of matching events."""


Metric: TypeAlias = Sum | SampleCount


def parse(text: str) -> Metric:
    """The tree of a metric expression; raises ExpressionError that tells the place, what stands there and the rule.

    >>> parse("sum(Items.price)")
    Sum(dataset='ITEMS', column='PRICE')
    >>> parse("AVG(Items.PRICE)")
    Traceback (most recent call last):
    openpersonalize.expressions.faults.ExpressionError: Character 1: there is no function AVG; use SUM or SAMPLECOUNT
    """
    phrase = _SYNTAX.read(text)
    function, operands = phrase.words[0], phrase.phrases
    name = function.text.upper()
    if name not in (_SUM, _COUNT):
        raise ExpressionError(function.position, f"there is no function {function.text}; use {_SUM} or {_COUNT}")
    if name == _COUNT:
        if operands:
            raise ExpressionError(operands[0].position, f"{_COUNT} takes nothing; write {_COUNT}()")
        return SampleCount()
    if not operands:
        raise ExpressionError(function.position, f"{_SUM} needs a column, as in {_SUM}(Items.PRICE)")
    return _sum(operands[0])


def write(metric: Metric) -> str:
    """The canonical text of a tree: `parse(write(metric)) == metric`.

    >>> write(Sum("INTERACTIONS", "EVENT_VALUE"))
    'SUM(Interactions.EVENT_VALUE)'
    """
    if isinstance(metric, SampleCount):
        return f"{_COUNT}()"
    return f"{_SUM}({_SPELLED[metric.dataset]}.{metric.column})"


def check(metric: Metric, schemas: Mapping[str, Schema]) -> Column | None:
    """The column a Sum adds up, spelled as in its schema; None for SampleCount.

    `schemas` holds the group's schemas by dataset type (ITEMS …). Raises ExpressionError unless the dataset and the
    column are there and the column is a number.
    """
    if isinstance(metric, SampleCount):
        return None
    schema, spelled = schemas.get(metric.dataset), _SPELLED[metric.dataset]
    if schema is None:
        raise ExpressionError(metric.position, f"the dataset group has no {spelled} dataset")
    columns = {column.name.upper(): column for column in schema.columns}
    column = columns.get(metric.column)
    if column is None:
        offered = hint(metric.column, (name for name, known in columns.items() if known.is_number))
        raise ExpressionError(metric.position, f"{spelled} has no column {metric.column}{offered}")
    if not column.is_number:
        rule = f"{_SUM} needs int, long, float or double"
        raise ExpressionError(metric.position, f"{spelled}.{column.name} is of type {column.kind}; {rule}")
    return column


def _sum(operand: Phrase) -> Sum:
    dataset, column = operand.texts
    known = _DATASETS.get(dataset.upper())
    if known is None:
        raise ExpressionError(operand.position, f"{_SUM} cannot read {dataset}; use Interactions or Items")
    return Sum(known, column.upper(), operand.position)
