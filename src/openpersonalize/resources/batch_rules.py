"""What batch inference and batch segment jobs have in common: where they read and write, how much, with which filter.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_CreateBatchInferenceJob.html
"""

from typing import Any

from openpersonalize.errors import InvalidInputException, JobFailed
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.resources import lifecycle, quotas
from openpersonalize.resources.context import Context
from openpersonalize.resources.filters import Filter
from openpersonalize.resources.locations import require_reachable
from openpersonalize.resources.resource import get
from openpersonalize.resources.solutions import Solution, SolutionVersion, artefacts_of, recipe_of, require_staying
from openpersonalize.storage.metadata import Reading
from openpersonalize.storage.objects import Entry, Location, parse_location

DEFAULT_RESULTS = 25


def require_locations(ctx: Context, job_input: dict[str, Any], job_output: dict[str, Any]) -> None:
    """Input and output must be locations in buckets that are there, and differ; InvalidInputException tells which."""
    source, target = path_of(job_input), path_of(job_output)
    for text, what in ((source, "input"), (target, "output")):
        try:
            require_reachable(ctx, text, f"job{what.capitalize()}")
        except InvalidInputException as fault:
            if fault.message.startswith("Invalid Data location. "):
                rule = fault.message.removeprefix("Invalid Data location. ")
                raise InvalidInputException(f"Invalid S3 {what} path. {rule}") from fault
            raise
    if source == target:
        raise InvalidInputException(f"Invalid S3 output path. {target} is the input too; write to another folder.")


def path_of(place: dict[str, Any]) -> str:
    """The path in a `jobInput` or `jobOutput`."""
    inner: dict[str, str] = next(iter(place.values()))
    return inner["path"]


def require_results(number: int, most: int) -> None:
    """`numResults` within its range; InvalidInputException."""
    if not 1 <= number <= most:
        raise InvalidInputException.violation(number, "numResults", f"be between 1 and {most}")


def require_version(tx: Reading, version: SolutionVersion, faults: list[str]) -> None:
    """The version must be ACTIVE, and nothing else wrong; InvalidInputException tells all.

    Raises ResourceInUseException where its solution is being deleted.
    """
    require_staying(tx, version)
    found = list(faults)
    if version.status != lifecycle.ACTIVE:
        found.append(f"solutionVersionArn: {version.arn} is in {version.status} state; it must be ACTIVE.")
    if found:
        raise InvalidInputException(" ".join(found))


def require_filter(ctx: Context, tx: Reading, filter_arn: str | None, version: SolutionVersion, subject: str) -> None:
    """The filter, if one is named, must be ACTIVE, of the version's group, and fit the recipe."""
    if filter_arn is None:
        return
    found, recipe = get(ctx, tx, Filter, filter_arn), recipe_of(version.recipe_arn)
    faults = []
    if found.status != lifecycle.ACTIVE:
        faults.append(f"filterArn: {filter_arn} is in {found.status} state; it must be ACTIVE.")
    if found.dataset_group_arn != version.dataset_group_arn:
        faults.append(f"filterArn: {filter_arn} belongs to another dataset group, {found.dataset_group_arn}.")
    if found.tree.subject != subject:
        faults.append(f"filterArn: {filter_arn} is for {found.tree.subject}; this job needs one for {subject}.")
    if found.tree.reads_current_item and "current item" not in recipe.abilities:
        faults.append(f"filterArn: {filter_arn} reads CurrentItem, which the recipe {recipe.name} does not have.")
    if found.tree.reads("INTERACTIONS") and "event filters" not in recipe.abilities:
        faults.append(f"filterArn: {filter_arn} reads Interactions; filters for {recipe.name} may read Users alone.")
    if faults:
        raise InvalidInputException(" ".join(faults))


def input_files(ctx: Context, path: str) -> list[Entry]:
    """The files that a path means: itself, those in it as a folder, or those whose names begin with it.

    JobFailed when there are none, or more than the quotas allow.
    """
    location = parse_location(path)
    found = ctx.objects.list(location) or _beginning_with(ctx, location)
    most = ctx.settings.quota_batch_files
    if not found:
        raise JobFailed(f"Invalid S3 input path. No data found at {path}.")
    if len(found) > most:
        raise JobFailed(f"There are {len(found)} files at {path}; a job reads at most {most}.")
    quotas.require_few_bytes(found, path, ctx.settings.quota_batch_bytes)
    return found


def _beginning_with(ctx: Context, prefix: Location) -> list[Entry]:
    if prefix.is_folder:
        return []
    folder = Location(prefix.bucket, prefix.key[: len(prefix.key) - len(prefix.name)])
    return [entry for entry in ctx.objects.list(folder) if entry.location.key.startswith(prefix.key)]


def model_of(ctx: Context, version_arn: str) -> Artefact:
    """The model that a job asks; JobFailed where its solution was deleted before the job could be done."""
    try:
        return ctx.models.get(version_arn, artefacts_of(version_arn))
    except FileNotFoundError as fault:
        with ctx.metadata.reading() as tx:
            version = tx.find(SolutionVersion, version_arn)
            solution = None if version is None else tx.find(Solution, version.solution_arn)
        if solution is None or solution.status in lifecycle.ENDING:
            raise JobFailed(f"The solution version {version_arn} was deleted before the job was done.") from fault
        raise
