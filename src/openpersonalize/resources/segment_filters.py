"""A filter of a batch segment job: which of the users that a model knows may stand in a segment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from openpersonalize.expressions import values
from openpersonalize.expressions.columns import Bools, Table
from openpersonalize.expressions.evaluate import Asked, Candidates, Prepared, prepare
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.filters import Filter
from openpersonalize.serving.batch import LineError
from openpersonalize.serving.catalogues import Source


@dataclass(frozen=True)
class UserFilter:
    """A filter bound to the users of a model; `events` are (user id, event type) of what they did."""

    prepared: Prepared
    candidates: Candidates
    events: Sequence[tuple[str, str]]

    def keep(self, filter_values: Mapping[str, str]) -> Bools:
        """For each user whether the filter lets it stay; raises LineError for values that do not fit."""
        try:
            given = values.read(self.prepared.tree, filter_values)
            return self.prepared.keep(self.candidates, Asked(self.events, given=given))
        except values.FilterValueError as fault:
            raise LineError(f"filterValues: {fault}.") from fault


def user_filter(ctx: Context, filter_arn: str, artefact: Artefact, user_ids: Sequence[str]) -> UserFilter:
    """The filter of that ARN, for these users of the model; it was checked when the job was made."""
    with ctx.metadata.reading() as tx:
        tree = tx.get(Filter, filter_arn).tree
        group = tx.get(Filter, filter_arn).dataset_group_arn
        dataset = in_group(ctx, tx, group, "USERS")
        source = None if dataset is None else Source(dataset.table, schema_of(tx, dataset), dataset.creation_date_time)
    columns = {column for kind, column in tree.fields if kind == "USERS"}
    table = ctx.catalogues.table(source, columns) if source is not None and columns else Table({}, {})
    candidates = Candidates(table.rows_of(user_ids), {user_id: place for place, user_id in enumerate(user_ids)})
    events = list(_events(artefact, user_ids)) if tree.reads("INTERACTIONS") else []
    return UserFilter(prepare(tree, table), candidates, events)


def _events(artefact: Artefact, user_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    for user_id in user_ids:
        history, types = artefact.did(user_id)
        yield from ((user_id, types.ids[kind]) for kind in sorted(set(history.event_types.tolist())) if kind >= 0)
