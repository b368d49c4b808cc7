"""Schemas in Personalize's flavour of Avro: what they may say, and what their columns may hold.

`parse` checks a schema and tells every fault at once. The rules for values live here too, so that a row of a CSV file
and a row of PutItems are judged by the same sentences: see `Column.coerce` and `Schema.row`.
Source: https://docs.aws.amazon.com/personalize/latest/dg/how-it-works-dataset-schema.html
"""

from openpersonalize.avro.column import LATEST_SECOND, Column
from openpersonalize.avro.reading import parse
from openpersonalize.avro.schema import Schema

__all__ = ["LATEST_SECOND", "Column", "Schema", "parse"]
