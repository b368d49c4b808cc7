"""From Arrow's strings to numbers, without ever making a Python string per row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from openpersonalize.avro import Schema
from openpersonalize.recipes.data import Ints, Vocabulary


class Snapshot(Protocol):
    """What a training sees of a dataset: the rows of one version, in the order of their arrival.

    Exact duplicates are gone, and of Items and Users only the latest row of each id is there.
    """

    @property
    def version(self) -> Any:
        """Names this state of the data."""
        ...

    @property
    def imported_until(self) -> int:
        """The place of the last row that an import brought, -1 when there is none."""
        ...

    def arrow(self, columns: Sequence[str]) -> Any:
        """An Arrow table, or a reader of record batches, with these columns."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True)
class Source:
    """A dataset as it is now, and what its columns mean."""

    snapshot: Snapshot
    schema: Schema


def batches(rows: Any) -> Iterator[Any]:
    """The record batches of a table or of a reader."""
    import pyarrow as pa

    yield from rows.to_batches() if isinstance(rows, pa.Table) else rows


def dictionary(strings: Any) -> Any:
    """An Arrow array of strings, each distinct one held once; missing ones become empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.fill_null(strings.cast(pa.large_string()), "").dictionary_encode()


def encode(chunks: Iterable[Any]) -> tuple[Any, Ints]:
    """Dictionaries as one Arrow array of the distinct strings, and a number per row: its place in there."""
    import pyarrow as pa

    texts = pa.large_string()
    whole = pa.chunked_array(list(chunks), pa.dictionary(pa.int32(), texts)).unify_dictionaries()
    if not whole.num_chunks:
        return pa.array([], texts), np.zeros(0, np.int32)
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in whole.chunks])
    return whole.chunk(whole.num_chunks - 1).dictionary, codes.astype(np.int32)


def renumber(ids: Any, keep: npt.NDArray[np.bool_]) -> tuple[Vocabulary, Ints]:
    """The kept ids in their sorted order, and the new number of each old one, -1 for those not kept.

    Sorted, so that numbers do not depend on the order in which records were stored.
    """
    import pyarrow.compute as pc

    order = pc.array_sort_indices(ids).to_numpy()
    order = order[keep[order]]
    numbers = np.full(len(ids), -1, np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    return Vocabulary(tuple(ids.take(order).to_pylist())), numbers
