"""A trained version as a folder: the model, and what answering needs besides it.

    manifest.json        recipe, hyperparameters, seed, versions, counts, metrics, timing
    model/               files of the recipe's own model
    event_types.json     in the order of their numbers
    popular.npy          all items, those with most users first
    histories/           the latest events of every trained user
    seen/                further events of users for whom filters look at more, if there are any

Arrays are mapped, so loading costs milliseconds and processes share the memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson

from openpersonalize.recipes import catalog
from openpersonalize.recipes.data import History, Ints, TrainingData, Vocabulary
from openpersonalize.recipes.models import Fitted
from openpersonalize.recipes.models.cooccurrence import mapped
from openpersonalize.recipes.models.popularity import distinct_users
from openpersonalize.recipes.ranking import best
from openpersonalize.recipes.recipe import Recipe

LATEST_EVENTS = 200
"""Of each user; the longest history that a model looks at."""

EVENTS_PER_TYPE = 300
"""Of each user; as many as a filter looks at, unless the settings say more."""


@dataclass(frozen=True)
class Histories:
    """Histories by user id, without a million Python strings: a sorted array of hashes leads to a row.

    Row `r` has hash `hashes[r]`, the id `ids[id_ends[r]:id_ends[r + 1]]` in UTF-8, which settles equal hashes, and the
    events `offsets[r]` to `offsets[r + 1]` of the other arrays.
    """

    hashes: Ints
    ids: Ints
    id_ends: Ints
    offsets: Ints
    items: Ints
    event_types: Ints
    timestamps: Ints

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def of(cls, data: TrainingData, latest: int | None = None) -> Self:
        """The latest events of all users of `data`, as many as a model looks at unless another number is given."""
        most = LATEST_EVENTS if latest is None else latest
        ids = [user_id.encode() for user_id in data.users.ids]
        hashes = np.frombuffer(b"".join(map(_digest, ids)), "<u8")
        order = np.argsort(hashes, kind="stable")
        starts = np.maximum(data.offsets[:-1], data.offsets[1:] - most)[order]
        lengths = data.offsets[1:][order] - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return cls(
            hashes[order],
            np.frombuffer(b"".join(ids[user] for user in order), np.uint8),
            np.concatenate([[0], np.cumsum([len(ids[user]) for user in order])]).astype(np.int64),
            offsets,
            data.item[rows].astype(np.int32),
            data.event_type[rows].astype(np.int16),
            data.timestamp[rows].astype(np.int64),
        )

    def get(self, user_id: str) -> History | None:
        """The user's events, oldest first; None for somebody the training did not see."""
        row = self._row(user_id)
        if row is None:
            return None
        own = slice(self.offsets[row], self.offsets[row + 1])
        events = (self.items[own], self.event_types[own], self.timestamps[own])
        return History(*(np.array(part, np.int64) for part in events))

    def everybody(self) -> Iterator[tuple[str, History]]:
        """All users with their events, oldest first; those forgotten are left out."""
        for row in range(len(self)):
            text = self.ids[self.id_ends[row] : self.id_ends[row + 1]].tobytes()
            if text.strip(b"\0"):
                own = slice(self.offsets[row], self.offsets[row + 1])
                events = (self.items[own], self.event_types[own], self.timestamps[own])
                yield text.decode(), History(*(np.array(part, np.int64) for part in events))

    def _row(self, user_id: str) -> int | None:
        wanted = user_id.encode()
        number = np.frombuffer(_digest(wanted), "<u8")[0]
        row = int(np.searchsorted(self.hashes, number))
        while row < len(self.hashes) and self.hashes[row] == number:
            if self.ids[self.id_ends[row] : self.id_ends[row + 1]].tobytes() == wanted:
                return row
            row += 1
        return None

    @classmethod
    def forget(cls, folder: Path, user_ids: Iterable[str]) -> int:
        """Overwrite what the saved histories hold of these users; gives how many were there.

        In place and byte for byte, no array changes its shape: processes that have the files mapped forget at once.
        """
        saved = cls(*(np.load(folder / f"{name}.npy", mmap_mode="r+") for name in cls.__dataclass_fields__))
        found = [row for user_id in user_ids if (row := saved._row(user_id)) is not None]
        for row in found:
            saved.ids[saved.id_ends[row] : saved.id_ends[row + 1]] = 0
            own = slice(saved.offsets[row], saved.offsets[row + 1])
            for part in (saved.items, saved.event_types, saved.timestamps):
                part[own] = 0
        for row in found:  # the hash tells a guessed id; a neighbour's keeps the order
            saved.hashes[row] = saved.hashes[row - 1] if row else 0
        for name in cls.__dataclass_fields__:
            getattr(saved, name).flush()
        return len(found)

    def save(self, folder: Path) -> None:
        """One file per array."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.__dataclass_fields__:
            np.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same histories, mapped into memory."""
        return cls(*(mapped(folder / f"{name}.npy") for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class Seen:
    """The newest events of each type of users who did more than the histories hold; items have the model's numbers.

    A model may learn from some types of events alone, and looks at the latest of them all; a filter looks at each type.
    """

    event_types: Vocabulary
    histories: Histories

    @classmethod
    def of(cls, data: TrainingData, *, learned: bool) -> Self:
        """From all events; `learned` says that they are those of the histories, which then do for most users."""
        users = np.flatnonzero(data.lengths > (LATEST_EVENTS if learned else 0))
        events = _newest_of_each_type(data.only(users))
        return cls(Vocabulary(data.event_types), Histories.of(events, max(1, len(events.item))))

    def save(self, folder: Path) -> None:
        """The files of the histories, and the event types."""
        self.histories.save(folder)
        self.event_types.save(folder / "event_types.json")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same again, mapped into memory."""
        return cls(Vocabulary.load(folder / "event_types.json"), Histories.load(folder))


def _newest_of_each_type(data: TrainingData) -> TrainingData:
    whose = data.user.astype(np.int64) * len(data.event_types) + data.event_type
    order = np.argsort(whose, kind="stable")  # by user and type, and by time within
    ends = np.searchsorted(whose[order], whose[order], side="right")
    kept = np.zeros(len(order), np.bool_)
    kept[order[ends - np.arange(len(order)) <= EVENTS_PER_TYPE]] = True
    return data.where(kept)


@dataclass(frozen=True)
class Artefact:
    """All that a trained version leaves behind; `popular` are item numbers, those with most users first.

    `seen` holds further events, None where the histories have all that a filter looks at.
    """

    model: Fitted
    recipe: Recipe
    event_types: Vocabulary
    popular: Ints
    histories: Histories
    manifest: Mapping[str, Any]
    seen: Seen | None = None

    @classmethod
    def of(
        cls,
        model: Fitted,
        recipe: Recipe,
        data: TrainingData,
        manifest: Mapping[str, Any],
        *,
        known: TrainingData | None = None,
        seen: Seen | None = None,
    ) -> Self:
        """From a model and the data that it has learned from; `known` has further events, for the histories alone."""
        popular = best(distinct_users(data), len(data.items)).astype(np.int32)
        return cls(model, recipe, Vocabulary(data.event_types), popular, Histories.of(known or data), manifest, seen)

    @cached_property
    def everything(self) -> Ints:
        """The numbers of all items of the model."""
        return np.arange(len(self.model.items))

    @cached_property
    def met(self) -> npt.NDArray[np.bool_]:
        """For each item of the model whether anybody had to do with it; those that only the Items dataset has are not.

        All are in versions that were trained before this was counted.
        """
        found = np.zeros(len(self.model.items), np.bool_)
        found[self.popular[: self.manifest.get("counts", {}).get("items_met", len(found))]] = True
        return found

    @property
    def gives_scores(self) -> bool:
        """Whether answers of this recipe carry scores."""
        return "scores" in self.recipe.abilities

    def history(self, user_id: str) -> History | None:
        """The trained user's latest events; None for somebody new."""
        return self.histories.get(user_id)

    def did(self, user_id: str) -> tuple[History, Vocabulary]:
        """What filters look at of a trained user, and the types of these events; empty for somebody new."""
        more = self.seen.histories.get(user_id) if self.seen else None
        if self.seen and more is not None:
            return more, self.seen.event_types
        return self.histories.get(user_id) or History.empty(), self.event_types

    def save(self, folder: Path) -> None:
        """Write the files named at the top of this module."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model").mkdir(exist_ok=True)
        self.model.save(folder / "model")
        self.histories.save(folder / "histories")
        self.event_types.save(folder / "event_types.json")
        if self.seen:
            self.seen.save(folder / "seen")
        np.save(folder / "popular.npy", self.popular)
        manifest = {"recipe": self.recipe.name} | dict(self.manifest)
        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=options))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The version again; needs no library of training."""
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        recipe = catalog.BY_NAME[manifest["recipe"]]
        return cls(
            catalog.fitted(recipe).load(folder / "model"),
            recipe,
            Vocabulary.load(folder / "event_types.json"),
            mapped(folder / "popular.npy"),
            Histories.load(folder / "histories"),
            manifest,
            Seen.load(folder / "seen") if (folder / "seen").is_dir() else None,
        )


def _digest(user_id: bytes) -> bytes:
    return blake2b(user_id, digest_size=8).digest()
