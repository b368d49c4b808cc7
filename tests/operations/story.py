"""A story in which every operation is called once with success, and what passed over the wire."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

from openpersonalize.wire import models
from tests.world import INTERACTIONS, ITEMS, ROLE, World, write_clicks, write_csv

RECIPES = "arn:aws:personalize:::recipe/"
HERE = "arn:aws:personalize:us-east-1:000000000000:"
CLICKS = {"eventType": "click", "metricName": "clicks", "expression": "SAMPLECOUNT()"}
OUTPUT = {"s3DataDestination": {"path": "s3://films/out/"}}
MOST = 4_000
"""Letters of a body that are kept."""

_PATHS = {
    "/events": "PutEvents",
    "/items": "PutItems",
    "/users": "PutUsers",
    "/actions": "PutActions",
    "/action-interactions": "PutActionInteractions",
    "/recommendations": "GetRecommendations",
    "/personalize-ranking": "GetPersonalizedRanking",
    "/action-recommendations": "GetActionRecommendations",
}
_VARYING = (
    (r'"(\w+DateTime)":[0-9.]+', r'"\1":"<time>"'),
    (r'"(score|trainingHours)":[0-9.e-]+', r'"\1":"<n>"'),
    (r'"(coverage|precision_at_\d+|mean_reciprocal_rank_at_\d+|normalized_[a-z_]+_at_\d+)":[0-9.e-]+', r'"\1":"<n>"'),
    (r"RID-[0-9a-f-]{25}-CID-[0-9a-f]{6}", "<recommendation id>"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (r"((?:solution/|\"name\":\")[a-z]+)/[0-9a-f]{8}", r"\1/<version>"),
    (r'"nextToken":"[^"]+"', '"nextToken":"<token>"'),
    (r"event-tracker/[0-9a-f]{8}", "event-tracker/<id>"),
)
OPERATIONS = {name: one for name, one in models.load().operations.items() if one.service.startswith("personalize")}


class Wire:
    """A door, and the first answer to each operation that passed through it; of Describe the last, as things move."""

    def __init__(self, door: Any) -> None:
        self._door = door
        self.seen: dict[str, str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on and write it down."""
        if scope["type"] != "http":
            await self._door(scope, receive, send)
            return
        sent = {name.decode(): value.decode() for name, value in scope["headers"]}
        target = sent.get("x-amz-target", "").rpartition(".")[2]
        body = (await receive())["body"]
        head, answer = f"{scope['method']} {scope['path']}" + (f"  {target}" if target else ""), list[str]()

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [(name.decode(), value.decode()) for name, value in message["headers"]]
                answer.append(str(message["status"]))
                answer.extend(f"{name}: {value}" for name, value in kept if name == "content-type")
            else:
                answer.extend(["", message["body"].decode()[:MOST], ""])
            await send(message)

        await self._door(scope, again, note)
        if answer[0] == "200":
            given = json.dumps(json.loads(body), separators=(",", ":")) if body else ""
            text = "\n".join([head, "", given, "", "----------", "", *answer])
            for pattern, mask in _VARYING:
                text = re.sub(pattern, mask, text)
            name = target or _PATHS[scope["path"]]
            if name not in self.seen or name.startswith("Describe"):
                self.seen[name] = text


def tell(world: World) -> None:
    """Call everything."""
    for part in (_data, _records, _models, _jobs, _recommenders, _attribution, _lists, _deletions):
        part(world)


def _until(world: World, describe: Callable[[], dict[str, Any]], *ends: str) -> None:
    for _ in range(60):
        world.work()
        if next(value for key, value in describe().items() if key != "ResponseMetadata")["status"] in ends:
            return
        time.sleep(0.1)
    raise AssertionError(describe())


def _data(world: World) -> None:
    api = world.personalize
    group = world.group("films", tags=[{"tagKey": "of", "tagValue": "films"}])
    world.dataset(group)
    items = world.dataset(group, "Items", ITEMS)
    world.dataset(group, "Users", (("USER_ID", "string"), ("AGE", ["null", "int"])))
    world.dataset(group, "Actions", (("ACTION_ID", "string"), ("VALUE", ["null", "long"])))
    world.dataset(
        group,
        "Action_Interactions",
        (("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long")),
    )
    wider = world.schema("wider", "Items", (*ITEMS, ("PRICE", ["null", "float"])))
    api.update_dataset(datasetArn=items, schemaArn=wider)
    world.work()
    write_clicks(world.bucket() / "clicks.csv")
    world.load(f"{HERE}dataset/films/INTERACTIONS", "s3://films/clicks.csv")
    write_csv(world.bucket() / "users.csv", ["USER_ID"], [["u39"]])
    api.describe_dataset_group(datasetGroupArn=group)
    api.describe_dataset(datasetArn=items)
    api.describe_schema(schemaArn=wider)
    api.describe_recipe(recipeArn=f"{RECIPES}aws-sims")
    api.describe_algorithm(algorithmArn="arn:aws:personalize:::algorithm/aws-sims")
    transformation = "arn:aws:personalize:::feature-transformation/sims"
    api.describe_feature_transformation(featureTransformationArn=transformation)
    api.create_filter(name="old", datasetGroupArn=group, filterExpression="INCLUDE ItemID WHERE Items.YEAR < 1990")
    world.work()
    api.describe_filter(filterArn=f"{HERE}filter/old")
    api.tag_resource(resourceArn=group, tags=[{"tagKey": "more", "tagValue": "1"}])
    api.list_tags_for_resource(resourceArn=group)
    api.untag_resource(resourceArn=group, tagKeys=["more"])


def _records(world: World) -> None:
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=f"{HERE}dataset-group/films")[
        "trackingId"
    ]
    world.work()
    tracker = world.personalize.list_event_trackers()["eventTrackers"][0]["eventTrackerArn"]
    world.personalize.describe_event_tracker(eventTrackerArn=tracker)
    event = {"eventType": "click", "itemId": "i1", "sentAt": 1_800_000_000}
    put = world.events
    put.put_events(trackingId=tracking_id, userId="u1", sessionId="s", eventList=[event])
    put.put_items(
        datasetArn=f"{HERE}dataset/films/ITEMS", items=[{"itemId": "i1", "properties": '{"year": 1999, "price": 9.5}'}]
    )
    put.put_users(datasetArn=f"{HERE}dataset/films/USERS", users=[{"userId": "u1", "properties": '{"age": 40}'}])
    put.put_actions(
        datasetArn=f"{HERE}dataset/films/ACTIONS", actions=[{"actionId": "a", "properties": '{"value": 2}'}]
    )
    actions = f"{HERE}dataset/films/ACTION_INTERACTIONS"
    told = world.personalize.describe_dataset(datasetArn=actions)["dataset"]["trackingId"]
    taken = {"actionId": "a", "userId": "u1", "sessionId": "s", "timestamp": 1_800_000_000, "eventType": "Taken"}
    put.put_action_interactions(trackingId=told, actionInteractions=[taken])


def _models(world: World) -> None:
    api, runtime, group = world.personalize, world.runtime, f"{HERE}dataset-group/films"
    version = world.trained(group, "aws-sims", "similar")
    solution = version.rsplit("/", 1)[0]
    api.describe_solution(solutionArn=solution)
    api.update_solution(solutionArn=solution, performAutoTraining=False)
    world.work()
    api.get_solution_metrics(solutionVersionArn=version)
    stopped = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    api.stop_solution_version_creation(solutionVersionArn=stopped)
    campaign = world.campaign(version, "similar")
    api.describe_campaign(campaignArn=campaign)
    runtime.get_recommendations(campaignArn=campaign, itemId="i4", numResults=3)
    ranking = world.campaign(world.trained(group, "aws-personalized-ranking-v2", "ranking"), "ranking")
    runtime.get_personalized_ranking(campaignArn=ranking, userId="u2", inputList=["i2", "unknown"])
    best = world.campaign(world.trained(group, "aws-next-best-action", "actions"), "actions")
    runtime.get_action_recommendations(campaignArn=best, userId="u2", numResults=2)
    api.update_campaign(campaignArn=campaign, minProvisionedTPS=2)
    world.work()


def _jobs(world: World) -> None:
    api, group = world.personalize, f"{HERE}dataset-group/films"
    dataset = f"{HERE}dataset/films/INTERACTIONS"
    api.describe_dataset_import_job(datasetImportJobArn=f"{HERE}dataset-import-job/load")
    api.create_dataset_export_job(
        jobName="out",
        datasetArn=dataset,
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": "s3://films/exported/"}},
    )
    world.work()
    api.describe_dataset_export_job(datasetExportJobArn=f"{HERE}dataset-export-job/out")
    (world.bucket() / "in.json").write_text('{"itemId": "i4"}\n')
    given = {
        "jobInput": {"s3DataSource": {"path": "s3://films/in.json"}},
        "jobOutput": OUTPUT,
        "roleArn": ROLE,
    }
    versions = api.list_solution_versions(solutionArn=f"{HERE}solution/similar")["solutionVersions"]
    version = next(one["solutionVersionArn"] for one in versions if one["status"] == "ACTIVE")
    api.create_batch_inference_job(jobName="batch", solutionVersionArn=version, **given)
    batch = f"{HERE}batch-inference-job/batch"
    _until(world, lambda: api.describe_batch_inference_job(batchInferenceJobArn=batch), "ACTIVE")
    affine = world.trained(group, "aws-item-affinity", "affine")
    api.create_batch_segment_job(jobName="segment", solutionVersionArn=affine, numResults=3, **given)
    segment = f"{HERE}batch-segment-job/segment"
    _until(world, lambda: api.describe_batch_segment_job(batchSegmentJobArn=segment), "ACTIVE")
    source = {"dataLocation": "s3://films/users.csv"}
    api.create_data_deletion_job(jobName="gone", datasetGroupArn=group, dataSource=source, roleArn=ROLE)
    gone = f"{HERE}data-deletion-job/gone"
    _until(world, lambda: api.describe_data_deletion_job(dataDeletionJobArn=gone), "COMPLETED")


def _recommenders(world: World) -> None:
    api, group = world.personalize, world.group("shop", domain="ECOMMERCE")
    fields = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
    text = json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    schema = api.create_schema(name="shop", schema=text, domain="ECOMMERCE")["schemaArn"]
    dataset = api.create_dataset(name="shop", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    world.work()
    rows = [(f"u{user}", f"i{item}", "View", 1_700_000_000 + item) for user in range(12) for item in range(12)]
    write_csv(world.bucket() / "views.csv", [name for name, _ in INTERACTIONS], rows)
    world.load(dataset["datasetArn"], "s3://films/views.csv", "views")
    recipe = f"{RECIPES}aws-ecomm-popular-items-by-views"
    home = api.create_recommender(name="home", datasetGroupArn=group, recipeArn=recipe)["recommenderArn"]
    world.work()
    api.describe_recommender(recommenderArn=home)
    api.update_recommender(recommenderArn=home, recommenderConfig={"minRecommendationRequestsPerSecond": 2})
    world.work()
    api.stop_recommender(recommenderArn=home)
    world.work()
    api.start_recommender(recommenderArn=home)
    world.work()


def _attribution(world: World) -> None:
    api = world.personalize
    arn = api.create_metric_attribution(
        name="worth",
        datasetGroupArn=f"{HERE}dataset-group/films",
        metrics=[CLICKS],
        metricsOutputConfig={"roleArn": ROLE, "s3DataDestination": {"path": "s3://films/reports/"}},
    )["metricAttributionArn"]
    world.work()
    api.describe_metric_attribution(metricAttributionArn=arn)
    api.update_metric_attribution(
        metricAttributionArn=arn, addMetrics=[{**CLICKS, "eventType": "buy", "metricName": "orders"}]
    )
    api.list_metric_attribution_metrics(metricAttributionArn=arn)


def _lists(world: World) -> None:
    for name in OPERATIONS:
        if name.startswith("List") and name not in ("ListTagsForResource", "ListMetricAttributionMetrics"):
            call = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
            getattr(world.personalize, call)(maxResults=2)


def _deletions(world: World) -> None:
    api = world.personalize
    api.delete_recommender(recommenderArn=f"{HERE}recommender/home")
    for name in ("similar", "ranking", "actions"):
        api.delete_campaign(campaignArn=f"{HERE}campaign/{name}")
    world.work()
    for name in ("similar", "ranking", "actions", "affine"):
        api.delete_solution(solutionArn=f"{HERE}solution/{name}")
    api.delete_metric_attribution(metricAttributionArn=f"{HERE}metric-attribution/worth")
    api.delete_filter(filterArn=f"{HERE}filter/old")
    api.delete_event_tracker(eventTrackerArn=api.list_event_trackers()["eventTrackers"][0]["eventTrackerArn"])
    world.work()
    for kind in ("INTERACTIONS", "ITEMS", "USERS", "ACTIONS", "ACTION_INTERACTIONS"):
        api.delete_dataset(datasetArn=f"{HERE}dataset/films/{kind}")
    for _ in range(40):
        world.work()
        if not api.list_datasets(datasetGroupArn=f"{HERE}dataset-group/films")["datasets"]:
            break
        time.sleep(0.1)
    api.delete_schema(schemaArn=f"{HERE}schema/wider")
    api.delete_dataset_group(datasetGroupArn=f"{HERE}dataset-group/films")
