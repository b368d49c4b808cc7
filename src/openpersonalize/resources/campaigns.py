"""Campaigns: a solution version in service, answering the runtime calls of `recommendations`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from openpersonalize.arns import Arn
from openpersonalize.errors import InvalidInputException, JobFailed, ResourceInUseException, ResourceNotFoundException
from openpersonalize.jobs import Task
from openpersonalize.recipes import catalog
from openpersonalize.resources import cids, exploration, lifecycle, quotas, updates
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, get, given, require_free
from openpersonalize.resources.solution_versions import get_version
from openpersonalize.resources.solutions import Solution, SolutionVersion, recipe_of, require_staying, schemas_of
from openpersonalize.storage.metadata import Transaction

LATEST = "$LATEST"
FOLLOWS = "syncWithLatestSolutionVersion"
METADATA = "enableMetadataWithRecommendations"


@dataclass(frozen=True, kw_only=True)
class Campaign(Resource):
    """A campaign; `cid` marks its recommendation ids, so that an id names its source."""

    noun: ClassVar[str] = "campaign"
    name: str
    campaign_arn: str
    solution_version_arn: str
    solution_arn: str
    dataset_group_arn: str
    recipe_arn: str
    status: str
    cid: str
    min_provisioned_tps: int = 1
    campaign_config: dict[str, Any] | None = None
    failure_reason: str | None = None
    latest_campaign_update: dict[str, Any] | None = None

    @property
    def parent(self) -> str:
        """Campaigns are listed by solution."""
        return self.solution_arn

    @property
    def follows_latest(self) -> bool:
        """Whether it moves itself to each new version of its solution."""
        return _follows(self.campaign_config)


@operation
def create_campaign(
    ctx: Context,
    *,
    name: str,
    solution_version_arn: str,
    min_provisioned_tps: int = 1,
    campaign_config: dict[str, Any] | None = None,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Put a trained version in service."""
    now = ctx.now()
    with ctx.writing() as tx:
        version = _deployable(ctx, tx, solution_version_arn, campaign_config)
        campaign = Campaign(
            name=name,
            campaign_arn=ctx.arn(Campaign.noun, name),
            solution_version_arn=version.arn,
            solution_arn=version.solution_arn,
            dataset_group_arn=version.dataset_group_arn,
            recipe_arn=version.recipe_arn,
            status=lifecycle.CREATE_PENDING,
            cid=cids.free(ctx, tx),
            min_provisioned_tps=min_provisioned_tps,
            campaign_config=campaign_config,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, campaign)
        quotas.require_room(ctx, tx, Campaign, ctx.settings.quota_campaigns, group=campaign.dataset_group_arn)
        lifecycle.begin(ctx, tx, campaign, tags=tags)
    return {"campaignArn": campaign.arn}


def _deployable(
    ctx: Context, tx: Transaction, solution_version_arn: str, config: Mapping[str, Any] | None
) -> SolutionVersion:
    """The version to serve, after the rules of the ARN's form, its state and the configuration."""
    version = _named(ctx, tx, solution_version_arn)
    require_staying(tx, version)
    faults = _faults(recipe_of(version.recipe_arn), solution_version_arn, config or {})
    if (config or {}).get(METADATA) and "ITEMS" not in schemas_of(ctx, tx, version.dataset_group_arn):
        faults.append(f"campaignConfig.{METADATA} needs a dataset of type ITEMS, the group has none.")
    if version.status != lifecycle.ACTIVE:
        faults.append(f"solutionVersionArn: {version.arn} is in {version.status} state; it must be ACTIVE.")
    if faults:
        raise InvalidInputException(" ".join(faults))
    return version


def _named(ctx: Context, tx: Transaction, solution_version_arn: str) -> SolutionVersion:
    arn = Arn.expect(solution_version_arn, "solution")
    name, _, version = arn.tail.partition("/")
    if version != LATEST:
        return get_version(ctx, tx, solution_version_arn)
    solution = get(ctx, tx, Solution, solution_version_arn.removesuffix(f"/{LATEST}"))
    active = [
        version
        for version in tx.select(SolutionVersion, ctx.caller.account, ctx.caller.region, parent=solution.arn)
        if version.status == lifecycle.ACTIVE
    ]
    if not active:
        raise ResourceNotFoundException(f"The solution {name} has no ACTIVE version that {LATEST} could mean.")
    return active[-1]


def _faults(recipe: catalog.Recipe, solution_version_arn: str, config: Mapping[str, Any]) -> list[str]:
    latest, follows = solution_version_arn.endswith(f"/{LATEST}"), _follows(config)
    faults = []
    if "campaign" not in recipe.served_by:
        faults.append(f"solutionVersionArn: recipes of type {recipe.type} have no campaigns; use a batch segment job.")
    if latest and not follows:
        faults.append(f"solutionVersionArn: {LATEST} needs campaignConfig.{FOLLOWS} to be true.")
    if follows and not latest:
        faults.append(f"campaignConfig.{FOLLOWS} needs solutionVersionArn to end in /{LATEST}.")
    if config.get("rankingInfluence") and "ranking influence" not in recipe.abilities:
        faults.append(f"campaignConfig.rankingInfluence is not supported by the recipe {recipe.name}.")
    faults += exploration.faults("campaignConfig", config.get("itemExplorationConfig") or {})
    return faults


@operation
def update_campaign(
    ctx: Context,
    *,
    campaign_arn: str,
    solution_version_arn: str | None = None,
    min_provisioned_tps: int | None = None,
    campaign_config: dict[str, Any] | None = None,
) -> Answer:
    """Change what a campaign serves; it goes on serving the old until the update is ACTIVE."""
    with ctx.writing() as tx:
        campaign = given(ctx, tx, Campaign, campaign_arn)
        _require_updatable(campaign)
        config = campaign.campaign_config if campaign_config is None else campaign_config
        wanted = solution_version_arn or _as_asked(campaign, config)
        version = _deployable(ctx, tx, wanted, config)
        if version.dataset_group_arn != campaign.dataset_group_arn:
            raise InvalidInputException(
                f"solutionVersionArn: {version.arn} is of {version.dataset_group_arn}; the campaign {campaign.arn} "
                f"stays in {campaign.dataset_group_arn}."
            )
        changed = replace(
            campaign,
            solution_version_arn=version.arn,
            min_provisioned_tps=min_provisioned_tps or campaign.min_provisioned_tps,
            campaign_config=config,
        )
        if changed == campaign and campaign.status == lifecycle.ACTIVE:
            raise InvalidInputException(f"The update changes nothing: the campaign {campaign.arn} is so already.")
        _start_update(ctx, tx, campaign, changed)
    return {"campaignArn": campaign.arn}


def _require_updatable(campaign: Campaign) -> None:
    if campaign.status not in (lifecycle.ACTIVE, lifecycle.CREATE_FAILED):
        raise ResourceInUseException(f"The campaign {campaign.arn} is in {campaign.status} state; it must be ACTIVE.")
    if updates.is_open(campaign.latest_campaign_update):
        raise ResourceInUseException(f"The campaign {campaign.arn} is being updated already.")


def _as_asked(campaign: Campaign, config: Mapping[str, Any] | None) -> str:
    """The version of an update that names none: the newest while the campaign goes on following, else the present."""
    goes_on = campaign.follows_latest and _follows(config)
    return f"{campaign.solution_arn}/{LATEST}" if goes_on else campaign.solution_version_arn


def _follows(config: Mapping[str, Any] | None) -> bool:
    return bool((config or {}).get(FOLLOWS))


def _start_update(ctx: Context, tx: Transaction, campaign: Campaign, changed: Campaign) -> None:
    wanted = {
        "solutionVersionArn": changed.solution_version_arn,
        "minProvisionedTPS": changed.min_provisioned_tps,
        "campaignConfig": changed.campaign_config,
    }
    update = updates.asked(ctx, wanted)
    tx.replace(campaign.but(ctx.now(), latest_campaign_update=update))
    ctx.queue.enqueue(tx.connection, "campaign.update", campaign.arn)


def _move_update(ctx: Context, campaign: Campaign, status: str, reason: str | None = None) -> Campaign:
    moved = updates.moved(ctx, campaign.latest_campaign_update, status, reason=reason)
    return campaign.but(ctx.now(), latest_campaign_update=moved)


def _update_failed(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
    tx.replace(_move_update(ctx, tx.get(Campaign, subject), lifecycle.CREATE_FAILED, reason))


@job("campaign.update", failed=_update_failed, inline=True)
def update(ctx: Context, task: Task) -> None:
    """Bring the requested configuration into force."""
    with task.transaction() as tx:
        tx.replace(_move_update(ctx, tx.get(Campaign, task.subject), lifecycle.CREATE_IN_PROGRESS))
    with task.publish() as tx:
        campaign = _move_update(ctx, tx.get(Campaign, task.subject), lifecycle.ACTIVE)
        wanted = campaign.latest_campaign_update or {}
        version = tx.get(SolutionVersion, wanted["solutionVersionArn"])
        if tx.get(Solution, version.solution_arn).status in lifecycle.ENDING:
            raise JobFailed(f"The solution {version.solution_arn} was deleted before the campaign could move to it.")
        tx.replace(
            replace(
                campaign,
                status=lifecycle.ACTIVE,
                solution_version_arn=version.arn,
                solution_arn=version.solution_arn,
                recipe_arn=version.recipe_arn,
                min_provisioned_tps=wanted["minProvisionedTPS"],
                campaign_config=wanted["campaignConfig"],
                failure_reason=None,
            )
        )


def _ignore(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """A campaign that could not follow keeps serving what it served."""


@job("campaign.follow", failed=_ignore, inline=True)
def follow(ctx: Context, task: Task) -> None:
    """Move a campaign that keeps up with its solution to the version that has just become ACTIVE."""
    with task.publish() as tx:
        campaign = tx.find(Campaign, task.subject)
        if campaign is None or not campaign.follows_latest or campaign.status != lifecycle.ACTIVE:
            return
        if updates.is_open(campaign.latest_campaign_update):
            ctx.queue.enqueue(tx.connection, "campaign.follow", campaign.arn, payload=task.payload)
            return
        newest = task.payload["solutionVersionArn"]
        if campaign.solution_version_arn != newest:
            _start_update(ctx, tx, campaign, replace(campaign, solution_version_arn=newest))


@operation
def describe_campaign(ctx: Context, *, campaign_arn: str) -> Answer:
    """All about one campaign."""
    with ctx.metadata.reading() as tx:
        return {"campaign": get(ctx, tx, Campaign, campaign_arn)}


@operation
def list_campaigns(
    ctx: Context, *, solution_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The campaigns on a solution, or all."""
    return listing(
        ctx,
        Campaign,
        "campaigns",
        parent=solution_arn,
        parent_kind="solution",
        max_results=max_results,
        next_token=next_token,
    )


@operation
def delete_campaign(ctx: Context, *, campaign_arn: str) -> None:
    """Take a campaign out of service; its solution stays."""
    with ctx.metadata.reading() as tx:
        campaign = given(ctx, tx, Campaign, campaign_arn)
    # Before the transaction, which may be on the same database; a campaign that stays goes before what is remembered.
    cids.retire(ctx, campaign.dataset_group_arn, campaign.cid, campaign.arn)
    with ctx.writing() as tx:
        campaign = given(ctx, tx, Campaign, campaign_arn)
        lifecycle.require_deletable(campaign)
        if updates.is_open(campaign.latest_campaign_update):
            raise ResourceInUseException(f"The campaign {campaign.arn} is being updated and cannot be deleted.")
        lifecycle.end(ctx, tx, campaign)


lifecycle.created_by_a_step(Campaign)
lifecycle.deleted_by_a_step(Campaign)
