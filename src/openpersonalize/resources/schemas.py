"""Schemas: what the columns of a dataset are called and hold; immutable once made."""

from dataclasses import dataclass
from typing import ClassVar

from openpersonalize import avro
from openpersonalize.errors import ResourceInUseException
from openpersonalize.resources import quotas
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import Resource, get, given, require_free
from openpersonalize.storage.metadata import family


@dataclass(frozen=True, kw_only=True)
class DatasetSchema(Resource):
    """An Avro record schema with Personalize's rules; `schema` is the text as it was sent. It has no status."""

    noun: ClassVar[str] = "schema"
    name: str
    schema_arn: str
    schema: str
    domain: str | None = None

    @property
    def group(self) -> None:
        """A schema belongs to the account, not to a group."""
        return None

    @property
    def status(self) -> None:
        """A schema is there at once."""
        return None

    def parsed(self) -> avro.Schema:
        """The columns; the text was checked when the schema was made."""
        return avro.parse(self.schema, self.domain)


@operation
def create_schema(ctx: Context, *, name: str, schema: str, domain: str | None = None) -> Answer:
    """Check a schema and keep it; all of its faults are told at once.

    Columns are counted here and never again, so a schema outlives a quota that is made smaller.
    """
    avro.parse(schema, domain, quotas.metadata_columns(ctx))
    now = ctx.now()
    record = DatasetSchema(
        name=name,
        schema_arn=ctx.arn(DatasetSchema.noun, name),
        schema=schema,
        domain=domain,
        creation_date_time=now,
        last_updated_date_time=now,
    )
    with ctx.writing() as tx:
        require_free(tx, record)
        quotas.require_room(ctx, tx, DatasetSchema, ctx.settings.quota_schemas, stateless=True)
        tx.insert(record)
    return {"schemaArn": record.arn}


@operation
def describe_schema(ctx: Context, *, schema_arn: str) -> Answer:
    """All about one schema."""
    with ctx.metadata.reading() as tx:
        return {"schema": get(ctx, tx, DatasetSchema, schema_arn)}


@operation
def list_schemas(ctx: Context, *, next_token: str | None = None, max_results: int | None = None) -> Answer:
    """The caller's schemas, oldest first."""
    return listing(ctx, DatasetSchema, "schemas", max_results=max_results, next_token=next_token)


@operation
def delete_schema(ctx: Context, *, schema_arn: str) -> None:
    """Delete a schema that no dataset uses, not even one that is being deleted."""
    with ctx.writing() as tx:
        record = given(ctx, tx, DatasetSchema, schema_arn)
        users = family.naming(tx, "dataset", ctx.caller.account, ctx.caller.region, schema_arn)
        if users:
            raise ResourceInUseException(f"The schema {schema_arn} is used by: {', '.join(users)}.")
        tx.remove(record)
