"""Recommenders: use cases of a domain, from their creation through stops, updates and weekly trainings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openpersonalize.jobs import Schedules
from openpersonalize.resources.recommender_trainings import TRAIN
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.solutions import artefacts_of
from tests.answers import told
from tests.world import INTERACTIONS, ROLE, SMALL, World, opened, refused, write_csv

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
    """A group in which even users view even items and odd users odd ones; each buys the six viewed first."""
    group = world.group("shop", domain=domain)
    fields = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
    dataset = domain_dataset(world, group, "Interactions", fields, domain)
    rows = []
    for user in range(40):
        for place in range(12):
            item = (2 * (user // 2 + place) + user % 2) % 30
            rows.append([f"u{user}", f"i{item}", liked, 1_700_000_000 + 60 * place + user])
            if place < 6:
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


def listed(world: World, arn: str, **members: Any) -> list[str]:
    """The items that a recommender gives; it never gives scores."""
    items = world.runtime.get_recommendations(recommenderArn=arn, **members)["itemList"]
    assert all(item.keys() == {"itemId"} for item in items)
    return [item["itemId"] for item in items]


def test_popular_items_are_the_same_for_everybody_who_says_who_they_are(world: World) -> None:
    group = shop(world)
    arn = made(world, group)
    popular = listed(world, arn, userId="u1", numResults=5)
    assert popular == listed(world, arn, userId="somebody", numResults=5)
    answer = world.runtime.get_recommendations(recommenderArn=arn, userId="u1")
    assert answer["recommendationId"].endswith(f"-CID-{record(world, arn).cid}")
    ask = world.runtime.get_recommendations
    assert refused(ask, recommenderArn=arn) == (
        "InvalidInputException",
        "UserId is required for recommenders of the recipe aws-ecomm-popular-items-by-views.",
    )
    assert refused(ask, campaignArn=arn, userId="u1")[0] == "InvalidInputException"
    assert refused(ask, recommenderArn=f"{arn}2", userId="u1")[0] == "ResourceNotFoundException"
    world.personalize.stop_recommender(recommenderArn=arn)
    world.work()
    code, message = refused(ask, recommenderArn=arn, userId="u1")
    assert (code, "is in INACTIVE state; it must be ACTIVE" in message) == ("InvalidInputException", True)


def test_items_bought_together_need_no_user(world: World) -> None:
    arn = made(world, shop(world), f"{RECIPE}ecomm-frequently-bought-together")
    together = listed(world, arn, itemId="i4", numResults=4)
    assert {int(item[1:]) % 2 for item in together} == {0}
    assert "i4" not in together
    assert refused(world.runtime.get_recommendations, recommenderArn=arn, userId="u1")[1].startswith("ItemId is")


@pytest.mark.parametrize(
    ("recipe", "seed"),
    [("ecomm-customers-who-viewed-x-also-viewed", {"itemId": "i0"}), ("ecomm-recommended-for-you", {})],
)
def test_what_a_user_has_bought_is_left_out_at_once(world: World, recipe: str, seed: dict[str, str]) -> None:
    group = shop(world)
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    arn = made(world, group, f"{RECIPE}{recipe}")
    bought = {f"i{2 * number}" for number in range(1, 7)}  # by u2, with the import
    before = listed(world, arn, userId="u2", numResults=30, **seed)
    assert not bought & set(before)
    assert set(listed(world, arn, userId="nobody", numResults=30, **seed)) > set(before)
    event = {"eventType": "purchase", "itemId": before[0], "sentAt": 1_800_000_000}
    world.events.put_events(trackingId=tracking_id, userId="u2", sessionId="s", eventList=[event])
    after = listed(world, arn, userId="u2", numResults=30, **seed)
    assert set(before) - set(after) == {before[0]}


def test_what_a_user_has_bought_by_a_later_import_is_left_out(world: World) -> None:
    group = shop(world)
    arn = made(world, group, f"{RECIPE}ecomm-customers-who-viewed-x-also-viewed")
    rows = [[f"u{number}", "i20", "purchase", 1_800_000_000] for number in range(100)]
    write_csv(world.bucket("shop") / "later.csv", [name for name, _ in INTERACTIONS], rows)
    dataset = f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS"
    assert world.load(dataset, "s3://shop/later.csv", "later", importMode="INCREMENTAL")["status"] == "ACTIVE"
    assert "i20" not in listed(world, arn, userId="u2", itemId="i0", numResults=30)
    assert "i20" in listed(world, arn, userId="nobody", itemId="i0", numResults=30)


def test_only_so_many_of_the_newest_purchases_hide_an_item_as_a_filter_sees(tmp_path: Path) -> None:
    for world in opened(tmp_path / "data", {**SMALL, "filter_interactions": 2}):
        arn = made(world, shop(world), f"{RECIPE}ecomm-customers-who-viewed-x-also-viewed")
        bought = {f"i{2 * number}" for number in range(1, 7)}  # by u2, in this order
        shown = listed(world, arn, userId="u2", itemId="i0", numResults=30)
        assert bought & set(shown) == bought - {"i10", "i12"}


def test_a_personal_use_case_follows_the_users_events(world: World) -> None:
    group = shop(world)
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    arn = made(world, group, FOR_YOU, recommenderConfig={"itemExplorationConfig": {"explorationWeight": "0.3"}})
    assert sum(int(item[1:]) % 2 for item in listed(world, arn, userId="u3", numResults=6)) >= 5
    for place, item in enumerate(("i1", "i3", "i5")):
        event = {"eventType": "View", "itemId": item, "sentAt": 1_800_000_000 + place}
        world.events.put_events(trackingId=tracking_id, userId="new", sessionId="s", eventList=[event])
    assert sum(int(item[1:]) % 2 for item in listed(world, arn, userId="new", numResults=6)) >= 5


def test_deleted_users_are_forgotten_by_recommenders_too(world: World) -> None:
    group = shop(world)
    arn = made(world, group, FOR_YOU)
    (world.bucket("shop") / "users.csv").write_text("USER_ID\nu2\n")
    world.personalize.create_data_deletion_job(
        jobName="erase", datasetGroupArn=group, dataSource={"dataLocation": "s3://shop/users.csv"}, roleArn=ROLE
    )
    stranger = listed(world, arn, userId="stranger", numResults=30)
    assert listed(world, arn, userId="u2", numResults=30) != stranger
    world.work()
    assert listed(world, arn, userId="u2", numResults=30) == stranger
