"""A filter in a runtime call: found, held against the rules of the call, and applied.

The columns of Items, Users and Actions come from memory (`serving.catalogues`), the user's own events from the model's
history, the stream and later imports, so that an event counts in the next request.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from openpersonalize.errors import InvalidInputException
from openpersonalize.expressions import filters as language
from openpersonalize.expressions import values
from openpersonalize.expressions.columns import MISSING, Bools, Table
from openpersonalize.expressions.evaluate import Asked
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.recipe import Recipe
from openpersonalize.resources import lifecycle, sources
from openpersonalize.resources.context import Context
from openpersonalize.resources.filters import Filter
from openpersonalize.resources.resource import get
from openpersonalize.serving.catalogues import Source
from openpersonalize.serving.filtering import Bound, considered
from openpersonalize.storage import records

KINDS = ("ITEMS", "USERS", "ACTIONS")
"""Types of datasets whose columns filters read."""


@dataclass(frozen=True)
class Asking:
    """Who asks, and through which model."""

    dataset_group_arn: str
    recipe: Recipe
    version_arn: str
    artefact: Artefact
    interactions: records.Dataset
    user_id: str | None = None
    item_id: str | None = None


@dataclass(frozen=True)
class Named:
    """A filter that a request names, its parameters' values, and where its group keeps items and users."""

    tree: language.Filter
    given: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, Source]
    columns: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class _Found:
    record: Filter
    sources: Mapping[str, Source]
    columns: Mapping[str, frozenset[str]]


def named(
    ctx: Context, asking: Asking, filter_arn: str | None, filter_values: Mapping[str, str] | None
) -> Named | None:
    """The filter of a request, None where it names none; raises for a filter that cannot serve it."""
    if filter_arn is None:
        if filter_values:
            raise InvalidInputException("filterValues were given without filterArn; give both, or neither.")
        return None
    return required(ctx, asking, filter_arn, filter_values)


def required(ctx: Context, asking: Asking, filter_arn: str, filter_values: Mapping[str, str] | None) -> Named:
    """The filter with that ARN; raises for one that cannot serve the request."""
    found = ctx.recent.get(
        ("filter", ctx.caller.account, ctx.caller.region, filter_arn), lambda: _load(ctx, filter_arn)
    )
    _require_fitting(found.record, asking)
    with _told_to_the_caller():
        given = values.read(found.record.tree, filter_values or {})
    return Named(found.record.tree, given, found.sources, found.columns)


def catalogue(ctx: Context, asking: Asking, filtered: Named | None) -> Bools | None:
    """For each item of the model whether it may be recommended; None where all may."""
    if filtered is None:
        return None
    bound, asked = _bound(ctx, asking, filtered)
    with _told_to_the_caller():
        return bound.catalogue(asked)


def actions(ctx: Context, asking: Asking, filtered: Named | None) -> list[str] | None:
    """The actions that the filter lets stay; None where all may."""
    if filtered is None:
        return None
    table = _table(ctx, filtered, "ACTIONS", filtered.columns["ACTIONS"])
    bound = ctx.filtering.bound(filtered.tree, table, asking.version_arn, asking.artefact)
    with _told_to_the_caller():
        return bound.items(_asked(ctx, asking, filtered, table), list(table.rows))


def remaining(ctx: Context, asking: Asking, filtered: Named, item_ids: Sequence[str]) -> list[str]:
    """Those of the given items that the filter lets stay, each once."""
    bound, asked = _bound(ctx, asking, filtered)
    with _told_to_the_caller():
        return bound.items(asked, item_ids)


def _bound(ctx: Context, asking: Asking, filtered: Named) -> tuple[Bound, Asked]:
    items = _needed(ctx, filtered, "ITEMS")
    bound = ctx.filtering.bound(filtered.tree, items, asking.version_arn, asking.artefact)
    return bound, _asked(ctx, asking, filtered, items)


@contextmanager
def _told_to_the_caller() -> Iterator[None]:
    try:
        yield
    except values.FilterValueError as fault:
        raise InvalidInputException(f"filterValues: {fault}.") from fault


def _load(ctx: Context, filter_arn: str) -> _Found:
    with ctx.metadata.reading() as tx:
        record = get(ctx, tx, Filter, filter_arn)
        group = record.dataset_group_arn
        others = tx.select(Filter, ctx.caller.account, ctx.caller.region, group=group)
        # All filters of the group share one table in memory: with all of their columns it is read once.
        fields = record.tree.fields.union(*(other.tree.fields for other in others))
        columns = {kind: frozenset(column for dataset, column in fields if dataset == kind) for kind in KINDS}
        found = {kind: source for kind in columns if (source := sources.find(ctx, tx, group, kind))}
    return _Found(record, found, columns)


def _require_fitting(record: Filter, asking: Asking) -> None:
    tree, arn = record.tree, record.arn
    if record.status != lifecycle.ACTIVE:
        raise InvalidInputException(f"Filter {arn} is not in ACTIVE state; it is {record.status}.")
    if record.dataset_group_arn != asking.dataset_group_arn:
        raise InvalidInputException(
            f"Filter {arn} belongs to {record.dataset_group_arn}; this call needs one of {asking.dataset_group_arn}."
        )
    subject = "ActionID" if asking.recipe.type == "PERSONALIZED_ACTIONS" else "ItemID"
    if tree.subject != subject:
        raise InvalidInputException(f"Filter {arn} is for {tree.subject}; this call needs one for {subject}.")
    if tree.reads_current_item and asking.recipe.type != "RELATED_ITEMS":
        raise InvalidInputException(
            f"Filter {arn} reads CurrentItem, which only RELATED_ITEMS recipes have; this is {asking.recipe.name}."
        )
    if asking.user_id is None and (tree.reads("INTERACTIONS") or tree.reads(language.CURRENT_USER)):
        raise InvalidInputException(f"UserId is required: filter {arn} depends on the user who asks.")


def _needed(ctx: Context, filtered: Named, kind: str) -> Table:
    """The columns of items or users that the group's filters read; an empty table where this filter reads none."""
    if all(dataset != kind for dataset, _ in filtered.tree.fields):
        return _NOTHING
    return _table(ctx, filtered, kind, filtered.columns[kind])


def _table(ctx: Context, filtered: Named, kind: str, columns: frozenset[str]) -> Table:
    source = filtered.sources.get(kind)
    return _NOTHING if source is None else ctx.catalogues.table(source, columns)


_NOTHING = Table({}, {})


def _asked(ctx: Context, asking: Asking, filtered: Named, items: Table) -> Asked:
    user_id, tree = asking.user_id, filtered.tree
    events: list[tuple[str, str]] = []
    user = {}
    if user_id is not None and (tree.reads("INTERACTIONS") or tree.reads("ACTION_INTERACTIONS")):
        of_actions = tree.subject == "ActionID"
        most = ctx.settings.filter_action_interactions if of_actions else ctx.settings.filter_interactions
        streamed = sources.streamed(ctx, asking.interactions, user_id, most)
        kind = "ACTION_INTERACTIONS" if of_actions else "INTERACTIONS"
        imported = sources.imported(ctx, asking.dataset_group_arn, asking.artefact, user_id, kind)
        events = considered(asking.artefact, user_id, streamed, imported, most)
    if user_id is not None and tree.reads(language.CURRENT_USER):
        users = _needed(ctx, filtered, "USERS")
        user = users.cells(users.rows.get(user_id, MISSING))
    seed = MISSING if asking.item_id is None else items.rows.get(asking.item_id, MISSING)
    return Asked(events, user, seed, filtered.given)
