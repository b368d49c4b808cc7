"""Columns of the Items dataset beside the items of an answer.

Source: https://docs.aws.amazon.com/personalize/latest/dg/getting-metadata-in-recommendations.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from openpersonalize.avro import Schema
from openpersonalize.errors import InvalidInputException
from openpersonalize.recipes.recipe import Recipe
from openpersonalize.resources import sources
from openpersonalize.resources.context import Context
from openpersonalize.serving import Ranked
from openpersonalize.serving.catalogues import Source

ITEMS = "ITEMS"


@dataclass(frozen=True)
class Wanted:
    """The columns that a request asks for, as they are called in the schema, and where they are."""

    source: Source
    columns: tuple[str, ...]


def wanted(
    ctx: Context,
    recipe: Recipe,
    dataset_group_arn: str,
    config: Mapping[str, object] | None,
    metadata_columns: Mapping[str, Sequence[str]] | None,
) -> Wanted | None:
    """The metadata of a request, None where it asks for none; InvalidInputException tells all that is wrong with it.

    `config` is that of the campaign or recommender, which has to allow metadata unless the recipe gives it by itself.
    """
    if not metadata_columns:
        return None
    allowed = "metadata in responses" in recipe.abilities or bool(
        (config or {}).get("enableMetadataWithRecommendations")
    )
    source = sources.recent(ctx, dataset_group_arn, ITEMS)
    faults = list(_faults(ctx, metadata_columns, source, allowed=allowed))
    if faults or source is None:
        raise InvalidInputException(" ".join(faults))
    known = _known(source.schema)
    return Wanted(source, tuple(dict.fromkeys(known[name.upper()] for name in metadata_columns[ITEMS])))


def require_few(
    ctx: Context, member: str, count: int, limit: int, metadata_columns: Mapping[str, Sequence[str]] | None
) -> None:
    """Raise InvalidInputException where a list is longer than `limit`, or than one with metadata may be."""
    most = min(limit, ctx.settings.quota_results_with_metadata) if metadata_columns else limit
    if count > most:
        suffix = " where metadataColumns are asked for" if most < limit else ""
        raise InvalidInputException.violation(count, member, f"be at most {most}{suffix}")


def of_items(ctx: Context, asked: Wanted, ranked: Sequence[Ranked]) -> list[dict[str, str]]:
    """For each item its values, by column name in lower case; those it does not have are left out."""
    table = ctx.descriptions.table(asked.source, [name.upper() for name in asked.columns])
    return [
        {name.lower(): value for name in asked.columns if (value := table.text(row.item_id, name)) is not None}
        for row in ranked
    ]


def _faults(ctx: Context, given: Mapping[str, Sequence[str]], source: Source | None, *, allowed: bool) -> Iterator[str]:
    if not allowed:
        yield "metadataColumns: metadata is not enabled here; update it with enableMetadataWithRecommendations first."
    if set(given) != {ITEMS}:
        yield f"metadataColumns: {', '.join(sorted(given))} is no type of dataset with metadata; expected {ITEMS}."
        return
    names, most = given[ITEMS], ctx.settings.quota_metadata_columns
    if len(names) > most:
        yield f"metadataColumns.{ITEMS}: {len(names)} columns; at most {most} may be asked for."
    if source is None:
        yield f"metadataColumns.{ITEMS}: the dataset group has no Items dataset."
        return
    known = _known(source.schema)
    unknown = [name for name in names if name.upper() not in known]
    if unknown:
        yield (
            f"metadataColumns.{ITEMS}: the Items schema has no column {', '.join(unknown)}; "
            f"it has {', '.join(known.values())}."
        )


def _known(schema: Schema) -> dict[str, str]:
    """The columns by their names in capitals, without the item id."""
    return {column.name.upper(): column.name for column in schema.columns if column.name != schema.key}
