"""Resources made, changed and deleted in any order, with jobs run at random moments; `test_state_machine` runs it.

The model is small: what was made and not yet gone. A call that breaks no rule must be answered, any other may be
refused in the words of its service model. Afterwards no status may have jumped, no child may have lost its parent,
nothing may have vanished that nobody deleted. In the end everything can be deleted, and its names are free again.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from openpersonalize.errors import ServiceError
from openpersonalize.jobs import Task
from openpersonalize.resources import lifecycle, nouns
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import JOBS, OPERATIONS
from openpersonalize.resources.solutions import Solution, SolutionVersion, artefacts_of
from openpersonalize.storage import sql
from openpersonalize.storage.metadata.tables import jobs, resources, tags
from openpersonalize.wire import faults as wire_faults
from openpersonalize.wire import models
from openpersonalize.wire.identity import Caller
from tests.world import INTERACTIONS, ITEMS, ROLE, World

assert nouns.__all__
MODEL = {operation.key: operation for operation in models.load().operations.values()}
NAMES, TYPES = ("a", "b"), ("Interactions", "Items")
LIVES = dict.fromkeys(("dataset-group", "event-tracker", "solution", "campaign", "filter"), lifecycle.STANDARD)
LIVES |= {"dataset": lifecycle.DATASET, "recommender": lifecycle.RECOMMENDER, "solution-version": lifecycle.STOPPABLE}
LIVES |= {"metric-attribution": lifecycle.STANDARD}
LIVES |= dict.fromkeys(("dataset-import-job", "dataset-export-job", "batch-inference-job"), lifecycle.JOB)
LIVES |= {
    "data-deletion-job": {"PENDING": ("IN_PROGRESS", "FAILED"), "IN_PROGRESS": ("IN_PROGRESS", "COMPLETED", "FAILED")}
}
LISTS = {
    "dataset-group": ("list_dataset_groups", "datasetGroups"),
    "schema": ("list_schemas", "schemas"),
    "dataset": ("list_datasets", "datasets"),
    "event-tracker": ("list_event_trackers", "eventTrackers"),
    "filter": ("list_filters", "Filters"),
    "solution": ("list_solutions", "solutions"),
    "solution-version": ("list_solution_versions", "solutionVersions"),
    "campaign": ("list_campaigns", "campaigns"),
    "recommender": ("list_recommenders", "recommenders"),
    "metric-attribution": ("list_metric_attributions", "metricAttributions"),
    "dataset-import-job": ("list_dataset_import_jobs", "datasetImportJobs"),
    "dataset-export-job": ("list_dataset_export_jobs", "datasetExportJobs"),
    "data-deletion-job": ("list_data_deletion_jobs", "dataDeletionJobs"),
    "batch-inference-job": ("list_batch_inference_jobs", "batchInferenceJobs"),
}
DELETABLE = (
    "dataset-group",
    "schema",
    "dataset",
    "filter",
    "solution",
    "campaign",
    "recommender",
    "metric-attribution",
)
SETTLED = ("ACTIVE", "CREATE FAILED", "CREATE STOPPED")
JOB_NOUNS = tuple(noun for noun in LISTS if noun.endswith("-job"))
GOES_WITH_ITS_PARENT = ("solution-version", *JOB_NOUNS)
names, groups, kinds = st.sampled_from(NAMES), st.sampled_from([*NAMES, "shop"]), st.sampled_from(TYPES)
EVENTS = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
FIELDS = {"Interactions": EVENTS, "Items": [{"name": name, "type": kind} for name, kind in ITEMS if name != "GENRES"]}


def reachable(life: lifecycle.Life, status: str) -> set[str]:
    """The states that may come after `status`, in any number of steps."""
    found, new = {status}, {status}
    while new:
        new = {after for one in new for after in life.get(one, ())} - found
        found |= new
    return found


class Machine(RuleBasedStateMachine):
    """One account; `rows` is what was there after the last step."""

    world: ClassVar[World]
    model: ClassVar[Path]
    accounts: ClassVar[Iterator[int]] = itertools.count(100_000_000_000)

    def __init__(self) -> None:
        super().__init__()
        self.account = str(next(self.accounts))
        self.ctx: Context = self.world.parts.context.for_caller(Caller(self.account, "us-east-1", "root", "", ""))
        self.rows: dict[str, Any] = {}
        self.deleted: set[str] = set()

    def arn(self, noun: str, tail: str) -> str:
        return self.ctx.arn(noun, tail)

    def call(self, operation: str, **members: Any) -> str:
        """The code of what a call was answered."""
        try:
            OPERATIONS[operation](self.ctx, **members)
        except ServiceError as refusal:
            code = refusal.code
        else:
            return OK
        assert code in {*MODEL[operation].errors, *wire_faults.COMMON}, code
        return code

    def create(self, operation: str, arn: str | None, *, sound: bool = False, **members: Any) -> None:
        """A name that is taken is refused, and nothing else is refused as taken; `sound`: no other rule is broken."""
        taken = arn in self.rows
        code = self.call(operation, **members)
        assert code == "OK" or taken or not sound, f"{operation} of {arn} was refused with {code}"
        if arn is not None:
            assert code != "OK" or not taken, f"{arn} was made twice"
            assert code != "ResourceAlreadyExistsException" or taken, f"{arn} is free"

    def delete(self, noun: str, tail: str) -> None:
        arn, member = self.arn(noun, tail), f"{noun.replace('-', '_')}_arn"
        row = self.rows.get(arn)
        code = self.call(f"delete_{noun.replace('-', '_')}", **{member: arn})
        assert (code == "ResourceNotFoundException") == (row is None), (arn, code)
        if row is not None and row.status not in (None, "ACTIVE", "CREATE FAILED", "INACTIVE"):
            assert code == "ResourceInUseException", (arn, row.status, code)
        assert code == "OK" or not self.deletable(arn), f"{arn} is in nobody's way, but {code}"
        if row is not None and code == "OK":
            assert row.noun != "dataset" or not self.needing(row), f"{arn} is still needed"
            self.deleted.add(arn)

    # What the rules allow, by the rows of the last look

    def is_active(self, noun: str, tail: str) -> bool:
        row = self.rows.get(self.arn(noun, tail))
        return row is not None and row.status == lifecycle.ACTIVE

    def has_events(self, group: str) -> bool:
        """Whether a group and its Interactions are ready to be built on."""
        return self.is_active("dataset-group", group) and self.is_active("dataset", f"{group}/INTERACTIONS")

    def fits(self, group: str, kind: str, schema: str) -> bool:
        """Whether a dataset of that kind may have that schema."""
        row = self.rows.get(self.arn("schema", schema))
        if row is None or not self.is_active("dataset-group", group):
            return False
        document = json.loads(row.document)
        domain = "ECOMMERCE" if group == "shop" else None
        return bool(json.loads(document["schema"])["name"] == kind and document.get("domain") == domain)

    def deletable(self, arn: str) -> bool:
        """Whether a deletion must be answered: it stands still and nothing stands on it."""
        row = self.rows.get(arn)
        if row is None or row.status not in (None, "ACTIVE", "INACTIVE") or '"CREATE ' in row.document:
            return False
        return row.noun in DELETABLE and not any(self.stands_on(other, row) for other in self.rows.values())

    def stands_on(self, other: Any, row: Any) -> bool:
        """Whether `other` is in the way when `row` shall be deleted, or may be."""
        if other.noun in JOB_NOUNS:
            return row.noun in ("dataset", "filter") and other.status in (*lifecycle.OPEN, "PENDING", "IN_PROGRESS")
        ways: dict[str, bool] = {
            "dataset-group": other.group_arn == row.arn,
            "dataset": other.group_arn == row.group_arn and other.arn != row.arn,
            "schema": other.noun == "dataset" and f'"{row.arn}"' in other.document,
            "solution": other.parent == row.arn and (other.noun == "campaign" or other.status not in SETTLED),
        }
        return ways.get(row.noun, False)

    def needing(self, dataset: Any) -> list[str]:
        """Those of a dataset's group that keep it from being deleted."""
        nouns = {"filter", "metric-attribution", "campaign", "recommender"}
        nouns |= {"event-tracker"} if dataset.arn.endswith("/INTERACTIONS") else set()
        leaving = (lifecycle.CREATE_FAILED, *lifecycle.ENDING)
        others = [row for row in self.rows.values() if row.group_arn == dataset.group_arn]
        return [row.arn for row in others if row.noun in nouns and row.status not in leaving]

    def members_of(self, group: str, noun: str) -> list[Any]:
        owner = self.arn("dataset-group", group)
        return [row for row in self.rows.values() if row.noun == noun and row.group_arn == owner]

    @initialize(level=st.integers(0, 3))
    def grow(self, level: int) -> None:
        """Begin at a height that chance alone would seldom reach."""
        if level >= 1:
            for name, domain in (("a", None), ("shop", "ECOMMERCE")):
                self.create_dataset_group(name)
                self.create_schema({"a": "a", "shop": "b"}[name], "Interactions", domain)
            self.work()
            self.create_dataset("a", "Interactions", "a")
            self.create_dataset("shop", "Interactions", "b")
            self.work()
        if level >= 2:
            self.create_solution("a", "a")
            self.create_solution("b", "a")
            self.create_recommender("a", "shop")
            self.work()
            self.train("a")
        if level >= 3:
            self.create_filter("a", "a")
            self.create_campaign("a", "a")
            self.work()
        self.look()

    # What can be made

    @rule(name=groups)
    def create_dataset_group(self, name: str) -> None:
        domain = "ECOMMERCE" if name == "shop" else None
        self.create("create_dataset_group", self.arn("dataset-group", name), sound=True, name=name, domain=domain)

    @rule(name=names, kind=kinds, domain=st.sampled_from([None, "ECOMMERCE"]))
    def create_schema(self, name: str, kind: str, domain: str | None) -> None:
        text = json.dumps({"type": "record", "name": kind, "fields": FIELDS[kind]})
        sound = domain is None or kind == "Interactions"
        self.create("create_schema", self.arn("schema", name), sound=sound, name=name, schema=text, domain=domain)

    @rule(group=groups, kind=kinds, schema=names)
    def create_dataset(self, group: str, kind: str, schema: str) -> None:
        self.create(
            "create_dataset",
            self.arn("dataset", f"{group}/{kind.upper()}"),
            sound=self.fits(group, kind, schema),
            name="data",
            schema_arn=self.arn("schema", schema),
            dataset_group_arn=self.arn("dataset-group", group),
            dataset_type=kind,
        )

    @rule(name=names, group=groups)
    def create_filter(self, name: str, group: str) -> None:
        expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")'
        arn, owner = self.arn("filter", name), self.arn("dataset-group", group)
        sound = self.has_events(group)
        self.create("create_filter", arn, sound=sound, name=name, dataset_group_arn=owner, filter_expression=expression)

    @rule(name=names, group=groups)
    def create_event_tracker(self, name: str, group: str) -> None:
        self.create("create_event_tracker", None, name=name, dataset_group_arn=self.arn("dataset-group", group))

    @rule(name=names, group=groups)
    def create_metric_attribution(self, name: str, group: str) -> None:
        self.create(
            "create_metric_attribution",
            self.arn("metric-attribution", name),
            sound=self.has_events(group) and not self.members_of(group, "metric-attribution"),
            name=name,
            dataset_group_arn=self.arn("dataset-group", group),
            metrics=[{"eventType": "click", "metricName": "clicks", "expression": "SAMPLECOUNT()"}],
            metrics_output_config={"roleArn": ROLE},
        )

    @rule(name=names, group=groups)
    def create_solution(self, name: str, group: str) -> None:
        self.create(
            "create_solution",
            self.arn("solution", name),
            sound=self.has_events(group),
            name=name,
            dataset_group_arn=self.arn("dataset-group", group),
            recipe_arn="arn:aws:personalize:::recipe/aws-sims",
        )

    @rule(solution=names)
    def create_solution_version(self, solution: str) -> None:
        self.call("create_solution_version", solution_arn=self.arn("solution", solution))

    @rule(solution=names)
    def train(self, solution: str) -> None:
        """A version as a training leaves it."""
        with self.ctx.writing() as tx:
            record = tx.find(Solution, self.arn("solution", solution))
            if record is None or record.status != lifecycle.ACTIVE:
                return
            arn = f"{record.arn}/{self.ctx.hexadecimal(8)}"
            self.ctx.artefacts.put_folder(self.model, artefacts_of(arn))
            tx.insert(
                SolutionVersion(
                    name="trained",
                    solution_version_arn=arn,
                    solution_arn=record.arn,
                    dataset_group_arn=record.dataset_group_arn,
                    recipe_arn=str(record.recipe_arn),
                    status=lifecycle.ACTIVE,
                    creation_date_time=self.ctx.now(),
                    last_updated_date_time=self.ctx.now(),
                )
            )

    @rule(name=names, solution=names)
    def create_campaign(self, name: str, solution: str) -> None:
        version = self.arn("solution", f"{solution}/$LATEST")
        config = {"syncWithLatestSolutionVersion": True}
        arn, trained = self.arn("campaign", name), self.arn("solution", solution)
        self.create(
            "create_campaign",
            arn,
            sound=self.is_active("solution", solution)
            and any(
                row.parent == trained and row.noun == "solution-version" and row.status == "ACTIVE"
                for row in self.rows.values()
            ),
            name=name,
            solution_version_arn=version,
            campaign_config=config,
        )

    @rule(name=names, solution=names, rate=st.integers(1, 3))
    def update_campaign(self, name: str, solution: str, rate: int) -> None:
        version = self.arn("solution", f"{solution}/$LATEST")
        self.call(
            "update_campaign",
            campaign_arn=self.arn("campaign", name),
            solution_version_arn=version,
            min_provisioned_tps=rate,
            campaign_config={"syncWithLatestSolutionVersion": True},
        )

    @rule(name=names)
    def update_solution(self, name: str) -> None:
        self.call("update_solution", solution_arn=self.arn("solution", name), perform_auto_training=False)

    @rule(name=names, group=groups)
    def create_recommender(self, name: str, group: str) -> None:
        self.create(
            "create_recommender",
            self.arn("recommender", name),
            sound=group == "shop" and self.has_events(group),
            name=name,
            dataset_group_arn=self.arn("dataset-group", group),
            recipe_arn="arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-views",
        )

    @rule(name=names, operation=st.sampled_from(["start_recommender", "stop_recommender"]))
    def turn_recommender(self, name: str, operation: str) -> None:
        self.call(operation, recommender_arn=self.arn("recommender", name))

    @rule(name=names, rate=st.integers(1, 3))
    def update_recommender(self, name: str, rate: int) -> None:
        config = {"minRecommendationRequestsPerSecond": rate}
        self.call("update_recommender", recommender_arn=self.arn("recommender", name), recommender_config=config)

    @rule(data=st.data())
    def stop_solution_version_creation(self, data: st.DataObject) -> None:
        versions = [arn for arn, row in self.rows.items() if row.noun == "solution-version"]
        if versions:
            version = data.draw(st.sampled_from(versions))
            code = self.call("stop_solution_version_creation", solution_version_arn=version)
            assert code == OK or self.rows[version].status not in lifecycle.OPEN, code

    @rule(data=st.data())
    def tag_resource(self, data: st.DataObject) -> None:
        taggable = [arn for arn, row in self.rows.items() if row.noun not in ("schema", "metric-attribution")]
        if taggable:
            arn = data.draw(st.sampled_from(taggable))
            assert self.call("tag_resource", resource_arn=arn, tags=[{"tagKey": "a", "tagValue": "b"}]) == OK

    @rule(group=groups, kind=kinds, schema=names)
    def update_dataset(self, group: str, kind: str, schema: str) -> None:
        arn = self.arn("dataset", f"{group}/{kind.upper()}")
        self.call("update_dataset", dataset_arn=arn, schema_arn=self.arn("schema", schema))

    @rule(name=names, group=groups, kind=kinds)
    def create_jobs(self, name: str, group: str, kind: str) -> None:
        dataset, owner = self.arn("dataset", f"{group}/{kind.upper()}"), self.arn("dataset-group", group)
        source = {"dataLocation": "s3://films/users.csv"}
        wanted: dict[str, dict[str, Any]] = {
            "dataset-import-job": {"dataset_arn": dataset, "data_source": source},
            "dataset-export-job": {
                "dataset_arn": dataset,
                "role_arn": ROLE,
                "job_output": {"s3DataDestination": {"path": "s3://films/out/"}},
            },
            "data-deletion-job": {"dataset_group_arn": owner, "data_source": source, "role_arn": ROLE},
        }
        for noun, members in wanted.items():
            self.create(f"create_{noun.replace('-', '_')}", self.arn(noun, name), job_name=name, **members)
            self.look()

    @rule(name=names, data=st.data())
    def create_batch_inference_job(self, name: str, data: st.DataObject) -> None:
        versions = [arn for arn, row in self.rows.items() if row.noun == "solution-version"]
        if versions:
            self.create(
                "create_batch_inference_job",
                self.arn("batch-inference-job", name),
                job_name=name,
                solution_version_arn=data.draw(st.sampled_from(versions)),
                job_input={"s3DataSource": {"path": "s3://films/users.csv"}},
                job_output={"s3DataDestination": {"path": "s3://films/out/"}},
                role_arn=ROLE,
            )

    # What can be deleted

    @rule(
        noun=st.sampled_from(["schema", "filter", "metric-attribution", "solution", "campaign", "recommender"]),
        name=names,
    )
    def delete_named(self, noun: str, name: str) -> None:
        self.delete(noun, name)

    @rule(group=groups)
    def delete_dataset_group(self, group: str) -> None:
        self.delete("dataset-group", group)

    @rule(group=groups, kind=kinds)
    def delete_dataset(self, group: str, kind: str) -> None:
        self.delete("dataset", f"{group}/{kind.upper()}")

    @rule(data=st.data())
    def delete_a_dataset_that_is_needed(self, data: st.DataObject) -> None:
        needed = [arn for arn, row in self.rows.items() if row.noun == "dataset" and self.needing(row)]
        if needed:
            self.delete("dataset", data.draw(st.sampled_from(needed)).split("/", 1)[1])

    @rule(data=st.data())
    def delete_event_tracker(self, data: st.DataObject) -> None:
        trackers = [arn for arn, row in self.rows.items() if row.noun == "event-tracker"]
        if trackers:
            self.delete("event-tracker", data.draw(st.sampled_from(trackers)).split("/")[1])

    @rule(name=names, campaign=names)
    def build_on_a_solution_that_goes(self, name: str, campaign: str) -> None:
        self.train(name)
        self.look()
        self.delete("solution", name)
        self.look()
        self.create_campaign(campaign, name)
        self.update_campaign(campaign, name, 7)
        self.create_solution_version(name)

    # Time passes

    @rule()
    def work(self) -> None:
        self.world.work()

    @rule(count=st.integers(1, 3))
    def work_a_little(self, count: int) -> None:
        """The next jobs in line, one after another; a body may be left half way by the next rule."""
        for _ in range(count):
            self.run_one()

    def run_one(self) -> None:
        worker, metadata, queue = self.world.worker, self.ctx.metadata, self.ctx.queue
        with sql.writing(metadata.engine) as connection:
            job = queue.claim(connection, worker.owner, list(JOBS))
        if job is not None:
            worker._run_here(Task(job, queue, metadata), worker._handlers[job.kind])

    # Two at once

    @rule(group=groups)
    def two_create_a_group(self, group: str) -> None:
        arn = self.arn("dataset-group", group)
        domain = "ECOMMERCE" if group == "shop" else None
        codes = at_once(*[lambda: self.call("create_dataset_group", name=group, domain=domain)] * 2)
        assert codes == (["ResourceAlreadyExistsException"] * 2 if arn in self.rows else [OK, TAKEN]), codes

    @rule(name=names)
    def two_create_a_schema(self, name: str) -> None:
        text = json.dumps({"type": "record", "name": "Interactions", "fields": EVENTS})
        codes = at_once(*[lambda: self.call("create_schema", name=name, schema=text)] * 2)
        assert codes == ([TAKEN] * 2 if self.arn("schema", name) in self.rows else [OK, TAKEN]), codes

    @rule(data=st.data())
    def two_delete_the_same(self, data: st.DataObject) -> None:
        """One of them does, or neither may; nobody finds half of it."""
        there = [row for row in self.rows.values() if row.noun in DELETABLE]
        if there:
            row = data.draw(st.sampled_from(there))
            operation, member = f"delete_{row.noun.replace('-', '_')}", f"{row.noun.replace('-', '_')}_arn"
            codes = at_once(*[lambda: self.call(operation, **{member: row.arn})] * 2)
            assert codes.count(OK) <= 1, codes
            assert set(codes) <= {OK, "ResourceInUseException", "ResourceNotFoundException"}, codes
            self.deleted.add(row.arn)

    @rule(name=names, rate=st.integers(4, 6))
    def one_updates_what_another_deletes(self, name: str, rate: int) -> None:
        arn = self.arn("campaign", name)
        at_once(
            lambda: self.call("update_campaign", campaign_arn=arn, min_provisioned_tps=rate),
            lambda: self.call("delete_campaign", campaign_arn=arn),
        )
        self.deleted.add(arn)

    @rule(group=groups, schema=names)
    def one_deletes_what_another_builds_on(self, group: str, schema: str) -> None:
        owner, text = self.arn("dataset-group", group), self.arn("schema", schema)
        builds = {"name": "x", "schema_arn": text, "dataset_group_arn": owner, "dataset_type": "Interactions"}
        codes = at_once(
            lambda: self.call("create_dataset", **builds),
            lambda: self.call("delete_schema", schema_arn=text),
            lambda: self.call("delete_dataset_group", dataset_group_arn=owner),
        )
        self.deleted |= {text, owner}
        assert codes.count(OK) < 3

    # What is always true

    @invariant()
    def look(self) -> None:
        """Compare what is there with what was there before."""
        before, self.rows = self.rows, self.present()
        for arn, row in before.items():
            now = self.rows.get(arn)
            if now is None:
                assert arn in self.deleted or row.noun in GOES_WITH_ITS_PARENT, f"{arn} has vanished"
                self.deleted.discard(arn)
            elif row.status is not None:
                assert now.status in reachable(LIVES[row.noun], row.status), (arn, row.status, now.status)
        for arn, row in self.rows.items():
            for needed in needs(row):
                assert needed in self.rows, f"{arn} has lost {needed}"

    def present(self) -> dict[str, Any]:
        with self.ctx.metadata.reading() as tx:
            rows = tx.connection.execute(sa.select(resources).where(resources.c.account == self.account)).all()
        return {row.arn: row for row in rows}

    @rule()
    def lists_tell_what_is_there(self) -> None:
        for noun, (operation, member) in LISTS.items():
            told, token = [], None
            while True:
                answer = OPERATIONS[operation](self.ctx, max_results=2, next_token=token)
                told += [record.arn for record in answer[member]]
                token = answer.get("nextToken")
                if token is None:
                    break
            assert sorted(told) == sorted(arn for arn, row in self.rows.items() if row.noun == noun)

    def teardown(self) -> None:
        """Whatever happened, everything can be deleted, layer by layer, and the names are free again."""
        self.finish(
            lambda: all(row.noun not in JOB_NOUNS or row.status not in lifecycle.OPEN for row in self.rows.values())
        )
        for layer in (
            ("campaign", "recommender"),
            ("solution",),
            ("metric-attribution", "filter", "event-tracker"),
            ("dataset",),
        ):
            for arn, row in list(self.rows.items()):
                if row.noun in layer and row.status not in lifecycle.ENDING:
                    self.delete(row.noun, arn.split(":", 5)[5].split("/", 1)[1])
            self.world.work()
            self.look()
        self.finish(self.all_is_deleted)
        for name in NAMES:
            assert self.call("create_dataset_group", name=name) == OK
        self.check_jobs()

    def all_is_deleted(self) -> bool:
        """Delete the last layer, as far as the rows of datasets before it are gone."""
        for arn, row in list(self.rows.items()):
            if row.noun in ("schema", "dataset-group") and row.status not in lifecycle.ENDING:
                self.delete(row.noun, arn.rsplit("/", 1)[1])
        return not self.rows

    def finish(self, done: Callable[[], bool]) -> None:
        """Work until it is done: some jobs come back after a second."""
        for _ in range(20):
            self.world.work()
            self.look()
            if done():
                return
            time.sleep(0.25)
        raise AssertionError({arn: row.status for arn, row in self.rows.items()})

    def check_jobs(self) -> None:
        with self.ctx.metadata.reading() as tx:
            stumbled = sa.select(jobs.c.kind, jobs.c.error).where(
                jobs.c.account == self.account,
                jobs.c.error.contains("log tells"),
            )
            assert tx.connection.execute(stumbled).all() == []
            assert (
                tx.connection.execute(sa.select(tags.c.arn).where(tags.c.arn.not_in(sa.select(resources.c.arn)))).all()
                == []
            )


OK, TAKEN = "OK", "ResourceAlreadyExistsException"


def needs(row: Any) -> list[str]:
    """The ARNs without which a record is an orphan; a batch job outlives its version, not its group."""
    document = json.loads(row.document)
    members = ("schema_arn", "solution_arn", "solution_version_arn")
    more = [document.get(member) for member in members if row.noun in ("dataset", "campaign")]
    parent = None if row.noun == "batch-inference-job" else row.parent
    return [arn for arn in (row.group_arn, parent, *more) if arn is not None]


def at_once(*calls: Callable[[], str]) -> list[str]:
    """The sorted codes of calls made by as many threads at the same time."""
    codes: list[str] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], str]) -> None:
        start.wait()
        codes.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == len(calls)
    return sorted(codes, key=lambda code: (code != "OK", code))
