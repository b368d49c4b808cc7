"""Recommenders: use cases of a domain, from their creation through stops, updates and weekly trainings."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from openpersonalize.jobs import Schedules
from openpersonalize.resources.recommender_trainings import TRAIN
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.solutions import artefacts_of
from tests.answers import told
from tests.world import INTERACTIONS, World, refused, write_csv

RECIPE = "arn:aws:personalize:::recipe/aws-"
POPULAR = f"{RECIPE}ecomm-popular-items-by-views"
FOR_YOU = f"{RECIPE}ecomm-recommended-for-you"
PRODUCTS: list[dict[str, Any]] = [
    {"name": "ITEM_ID", "type": "string"},
    {"name": "PRICE", "type": "float"},
    {"name": "CATEGORY_L1", "type": "string", "categorical": True},
]


def domain_dataset(world: World, group: str, kind: str, fields: list[dict[str, Any]], domain: str) -> str:
    name = f"{kind.lower()}-{len(world.personalize.list_schemas()['schemas'])}"
    text = json.dumps({"type": "record", "name": kind, "fields": fields})
    schema = world.personalize.create_schema(name=name, schema=text, domain=domain)["schemaArn"]
    create = world.personalize.create_dataset
    arn: str = create(name=name, schemaArn=schema, datasetGroupArn=group, datasetType=kind)["datasetArn"]
    world.work()
    return arn


def shop(world: World, domain: str = "ECOMMERCE", liked: str = "View", bought: str = "Purchase") -> str:
    """A group in which even users view even items and odd users odd ones; each buys two of those viewed first."""
    group = world.group("shop", domain=domain)
    fields = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
    dataset = domain_dataset(world, group, "Interactions", fields, domain)
    rows = []
    for user in range(40):
        for place in range(12):
            item = (2 * (user // 2 + place) + user % 2) % 30
            rows.append([f"u{user}", f"i{item}", liked, 1_700_000_000 + 60 * place + user])
            if place < 3:
                rows.append([f"u{user}", f"i{item}", bought, 1_700_000_030 + 60 * place + user])
    write_csv(world.bucket("shop") / "events.csv", [name for name, _ in INTERACTIONS], rows)
    assert world.load(dataset, "s3://shop/events.csv")["status"] == "ACTIVE"
    return group


def made(world: World, group: str, recipe: str = POPULAR, name: str = "home", **more: Any) -> str:
    arn: str = world.personalize.create_recommender(name=name, datasetGroupArn=group, recipeArn=recipe, **more)[
        "recommenderArn"
    ]
    world.work()
    return arn


def described(world: World, arn: str) -> dict[str, Any]:
    recommender: dict[str, Any] = world.personalize.describe_recommender(recommenderArn=arn)["recommender"]
    return recommender


def record(world: World, arn: str) -> Recommender:
    with world.parts.context.metadata.reading() as tx:
        return tx.get(Recommender, arn)


def test_a_recommender_is_described_as_it_was_asked(world: World, snapshot: Callable[[str, str], None]) -> None:
    group = shop(world)
    create = world.personalize.create_recommender
    arn = create(name="home", datasetGroupArn=group, recipeArn=POPULAR)["recommenderArn"]
    pending = described(world, arn)
    assert (pending["status"], pending["recommenderConfig"], "modelMetrics" in pending) == ("CREATE PENDING", {}, False)
    world.work()
    snapshot("describe-recommender.json", told(world.personalize, "describe_recommender", recommenderArn=arn))
    snapshot("list-recommenders.json", told(world.personalize, "list_recommenders", datasetGroupArn=group))
    assert world.personalize.list_recommenders(datasetGroupArn=f"{group}2")["recommenders"] == []


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"recipeArn": f"{RECIPE}sims"}, "is a recipe for solutions, not for recommenders"),
        ({"recipeArn": f"{RECIPE}vod-most-popular"}, "is for the domain VIDEO_ON_DEMAND"),
        ({"recommenderConfig": {"itemExplorationConfig": {"explorationWeight": "0.1"}}}, "is not supported by"),
        (
            {"recipeArn": FOR_YOU, "recommenderConfig": {"itemExplorationConfig": {"explorationWeight": "2"}}},
            "recommenderConfig.itemExplorationConfig.explorationWeight: '2' must be a number from 0 to 1",
        ),
        (
            {"recommenderConfig": {"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["PRICE"]}}}},
            "trainingDataConfig.excludedDatasetColumns: the dataset group has no dataset of type ITEMS",
        ),
        ({"recommenderConfig": {"enableMetadataWithRecommendations": True}}, "needs a dataset of type ITEMS"),
    ],
)
def test_what_the_use_case_or_the_data_cannot_do_is_refused(world: World, members: dict[str, Any], rule: str) -> None:
    group = shop(world)
    given = {"name": "home", "datasetGroupArn": group, "recipeArn": POPULAR} | members
    code, message = refused(world.personalize.create_recommender, **given)
    assert (code, rule in message) == ("InvalidInputException", True), message


def test_a_custom_group_a_missing_recipe_and_a_missing_dataset_are_refused(world: World) -> None:
    create = world.personalize.create_recommender
    custom = world.group()
    assert "is a custom one" in refused(create, name="x", datasetGroupArn=custom, recipeArn=POPULAR)[1]
    code, _ = refused(create, name="x", datasetGroupArn=custom, recipeArn=f"{RECIPE}none")
    assert code == "ResourceNotFoundException"
    films = world.group("vod", domain="VIDEO_ON_DEMAND")
    code, message = refused(create, name="x", datasetGroupArn=films, recipeArn=f"{RECIPE}vod-more-like-x")
    assert (code, "of type INTERACTIONS" in message, "of type ITEMS" in message) == (
        "InvalidInputException",
        True,
        True,
    )
    _, message = refused(create, name="x", datasetGroupArn=films, recipeArn=f"{RECIPE}vod-trending-now")
    assert message == "The recipe aws-vod-trending-now cannot be trained by this version."


def test_too_few_events_of_the_use_case_fail_the_creation_with_amazons_words(world: World) -> None:
    group = shop(world, bought="Basket")
    arn = made(world, group, f"{RECIPE}ecomm-popular-items-by-purchases")
    failed = described(world, arn)
    assert (failed["status"], failed["failureReason"]) == (
        "CREATE FAILED",
        "Dataset has fewer than 100 interactions after filtering by event type: Purchase",
    )
    assert refused(world.personalize.start_recommender, recommenderArn=arn)[0] == "InvalidInputException"
    world.personalize.delete_recommender(recommenderArn=arn)
    world.work()
    assert world.personalize.list_recommenders()["recommenders"] == []


def test_a_recommender_stops_and_starts_and_keeps_its_model(world: World) -> None:
    arn = made(world, shop(world))
    model = record(world, arn).model_id
    stop, start = world.personalize.stop_recommender, world.personalize.start_recommender
    assert start(recommenderArn=arn)["recommenderArn"] == arn
    assert described(world, arn)["status"] == "ACTIVE"
    assert stop(recommenderArn=arn)["recommenderArn"] == arn
    assert described(world, arn)["status"] == "STOP PENDING"
    for call in (stop, start, world.personalize.delete_recommender):
        assert refused(call, recommenderArn=arn)[0] == "ResourceInUseException"
    world.work()
    assert described(world, arn)["status"] == "INACTIVE"
    stop(recommenderArn=arn)
    start(recommenderArn=arn)
    assert described(world, arn)["status"] == "START PENDING"
    world.work()
    assert (described(world, arn)["status"], record(world, arn).model_id) == ("ACTIVE", model)


def test_an_update_replaces_the_configuration_and_is_told_while_it_runs(
    world: World, snapshot: Callable[[str, str], None]
) -> None:
    arn = made(world, shop(world))
    model, update = record(world, arn).model_id, world.personalize.update_recommender
    assert "changes nothing" in refused(update, recommenderArn=arn, recommenderConfig={})[1]
    config = {"minRecommendationRequestsPerSecond": 2}
    assert update(recommenderArn=arn, recommenderConfig=config)["recommenderArn"] == arn
    pending = described(world, arn)
    assert (pending["status"], pending["recommenderConfig"]) == ("ACTIVE", {})
    assert pending["latestRecommenderUpdate"]["status"] == "CREATE PENDING"
    assert refused(update, recommenderArn=arn, recommenderConfig={})[0] == "ResourceInUseException"
    assert refused(world.personalize.delete_recommender, recommenderArn=arn)[0] == "ResourceInUseException"
    world.work()
    snapshot("describe-recommender-updated.json", told(world.personalize, "describe_recommender", recommenderArn=arn))
    assert record(world, arn).model_id == model


def test_other_columns_are_learned_by_a_new_training_and_the_old_model_goes_with_the_next(world: World) -> None:
    group = shop(world)
    domain_dataset(world, group, "Items", PRODUCTS, "ECOMMERCE")
    arn = made(world, group)
    first = record(world, arn).model_id
    config = {"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["PRICE"]}}}
    world.personalize.update_recommender(recommenderArn=arn, recommenderConfig=config)
    world.work()
    second = record(world, arn).model_id
    assert (described(world, arn)["recommenderConfig"], second == first) == (config, False)
    with world.parts.context.metadata.transaction() as tx:
        world.parts.context.queue.enqueue(tx.connection, TRAIN, arn)
    world.work()
    third = record(world, arn).model_id
    kept = {entry.location.key.split("/")[4] for entry in _files(world, arn)}
    assert (third in (first, second), kept) == (False, {second, third})


def _files(world: World, arn: str) -> list[Any]:
    return world.parts.context.artefacts.list(artefacts_of(arn), deep=True)


def test_trainings_come_weekly_pass_over_a_stopped_one_and_end_with_a_deleted_one(world: World) -> None:
    arn = made(world, shop(world))
    context, first = world.parts.context, record(world, arn).model_id
    world.personalize.stop_recommender(recommenderArn=arn)
    with context.metadata.transaction() as tx:
        assert Schedules(context.queue).cancel(tx.connection, name=f"train {arn}") == 1
        context.queue.enqueue(tx.connection, TRAIN, arn)
    world.work()
    assert record(world, arn).model_id == first
    world.personalize.delete_recommender(recommenderArn=arn)
    world.work()
    with context.metadata.transaction() as tx:
        Schedules(context.queue).ensure(tx.connection, f"train {arn}", kind=TRAIN, subject=arn, every=1e6)
        context.queue.enqueue(tx.connection, TRAIN, arn)
    world.work()
    with context.metadata.transaction() as tx:
        assert Schedules(context.queue).cancel(tx.connection, name=f"train {arn}") == 0
    assert _files(world, arn) == []
    code, message = refused(world.personalize.describe_recommender, recommenderArn=arn)
    assert (code, message) == ("ResourceNotFoundException", f"Resource Arn {arn} does not exist.")


def test_five_recommenders_fit_in_a_group_stopped_ones_count(world: World) -> None:
    group = shop(world)
    arns = [made(world, group, name=f"home-{number}") for number in range(5)]
    world.personalize.stop_recommender(recommenderArn=arns[0])
    world.work()
    create = world.personalize.create_recommender
    assert refused(create, name="sixth", datasetGroupArn=group, recipeArn=POPULAR) == (
        "LimitExceededException",
        "Cannot create a recommender. More than 5 resources in ACTIVE state. Please delete some and try again.",
    )
    assert refused(create, name="home-1", datasetGroupArn=group, recipeArn=POPULAR)[0] == (
        "ResourceAlreadyExistsException"
    )
    code, message = refused(world.personalize.delete_dataset_group, datasetGroupArn=group)
    assert (code, all(arn in message for arn in arns)) == ("ResourceInUseException", True)
