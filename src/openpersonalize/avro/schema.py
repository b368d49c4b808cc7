"""A checked schema, and whole rows by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from openpersonalize.avro.column import Column
from openpersonalize.avro.families import FAMILIES, bare
from openpersonalize.errors import InvalidInputException


@dataclass(frozen=True)
class Schema:
    """A checked schema; `name` is spelled as by Amazon ("ActionInteractions"), `text` is what the caller sent."""

    name: str
    columns: tuple[Column, ...]
    text: str
    domain: str | None = None

    @property
    def dataset_type(self) -> str:
        """INTERACTIONS, ITEMS, USERS, ACTIONS or ACTION_INTERACTIONS."""
        return FAMILIES[self.name].dataset_type

    @property
    def key(self) -> str | None:
        """The column by which a newer row replaces an older; None for event logs."""
        return FAMILIES[self.name].key

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by their exact names."""
        return {column.name: column for column in self.columns}

    @cached_property
    def metadata(self) -> tuple[Column, ...]:
        """The caller's own columns: neither required nor reserved."""
        family = FAMILIES[self.name]
        known = {*family.required(self.domain), *family.reserved(self.domain)}
        return tuple(column for column in self.columns if column.name not in known)

    @cached_property
    def property_columns(self) -> Mapping[str, Column]:
        """The columns by their camelCase keys in `properties`."""
        return {column.property_key: column for column in self.columns}

    @cached_property
    def _by_bare_name(self) -> Mapping[str, Column]:
        return {bare(column.name): column for column in self.columns}

    def property_column(self, key: str) -> Column | None:
        """The column a key of `properties` means, in camelCase or as the column is spelled, whatever its case."""
        return self._by_bare_name.get(bare(key))

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A whole row, by column name in schema order, from values by column name or property key.

        Keys the schema lacks are ignored, columns without a value are null. Raises InvalidInputException that names
        every fault.
        """
        given = {column.name: value for key, value in values.items() if (column := self.property_column(key))}
        row: dict[str, Any] = {}
        faults: list[str] = []
        for column in self.columns:
            try:
                row[column.name] = column.coerce(given.get(column.name))
            except ValueError as fault:
                faults.append(f"{column.name}: {fault}")
        if faults:
            raise InvalidInputException("; ".join(faults) + ".")
        return row

    def faults_as_successor(self, old: "Schema") -> list[str]:
        """Why this schema cannot replace `old` in UpdateDataset; empty when it can: it only adds nullable columns."""
        if self.name != old.name:
            return [f"the schema is for {self.name}, the dataset holds {old.name}"]
        faults = []
        for column in old.columns:
            if column.name not in self.by_name:
                faults.append(f"{column.name}: missing; every column of the current schema must stay")
            elif self.by_name[column.name] != column:
                faults.append(f"{column.name}: type and attributes must stay as they are")
        added = [column for column in self.columns if column.name not in old.by_name]
        return faults + [f"{column.name}: an added column must be nullable" for column in added if not column.nullable]
