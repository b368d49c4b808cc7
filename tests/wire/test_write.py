from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
import pytest

from openpersonalize.wire import models

OPERATIONS = models.load().operations
ARN = "arn:aws:personalize:us-east-1:111122223333:dataset-group/films"


@dataclass(frozen=True, kw_only=True)
class DatasetGroup:
    """A record with one attribute that no shape knows."""

    dataset_group_arn: str
    name: str
    creation_date_time: datetime
    kms_key_arn: str | None = None
    secret: str = "not for the wire"


GROUP = DatasetGroup(
    dataset_group_arn=ARN, name="films", creation_date_time=datetime(2024, 6, 10, 6, 13, 20, 125999, tzinfo=UTC)
)


def written(operation: str, answer: Any) -> Any:
    return orjson.loads(OPERATIONS[operation].write(answer))


def test_a_record_shows_the_members_of_the_shape_and_nothing_else() -> None:
    assert written("DescribeDatasetGroup", {"datasetGroup": GROUP}) == {
        "datasetGroup": {"datasetGroupArn": ARN, "name": "films", "creationDateTime": 1718000000.126}
    }


def test_one_record_serves_describe_and_list() -> None:
    assert written("ListDatasetGroups", {"datasetGroups": (GROUP,), "nextToken": None}) == {
        "datasetGroups": [{"datasetGroupArn": ARN, "name": "films", "creationDateTime": 1718000000.126}]
    }


def test_unknown_keys_and_nulls_of_a_mapping_never_leak() -> None:
    answer = MappingProxyType({"datasetGroupArn": ARN, "domain": None, "internal": 1})
    assert written("CreateDatasetGroup", answer) == {"datasetGroupArn": ARN}


def test_a_time_of_any_zone_becomes_seconds_with_milliseconds() -> None:
    abroad = GROUP.creation_date_time.astimezone(timezone(timedelta(hours=9)))
    shown = written("DescribeDatasetGroup", {"datasetGroup": {"creationDateTime": abroad}})
    assert shown == {"datasetGroup": {"creationDateTime": 1718000000.126}}
    shown = written("DescribeDatasetGroup", {"datasetGroup": {"creationDateTime": 1718000000}})
    assert shown == {"datasetGroup": {"creationDateTime": 1718000000}}


def test_a_time_without_zone_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        OPERATIONS["DescribeDatasetGroup"].write(
            {"datasetGroup": {"creationDateTime": GROUP.creation_date_time.replace(tzinfo=None)}}
        )


def test_numbers_of_numpy_are_numbers_and_what_json_cannot_say_is_left_out() -> None:
    items = [{"itemId": "a", "score": np.float32(0.5)}, {"itemId": "b", "score": float("nan")}]
    assert written("GetRecommendations", {"itemList": items}) == {
        "itemList": [{"itemId": "a", "score": 0.5}, {"itemId": "b"}]
    }
    metrics = {"coverage": np.float64(0.25), "precision_at_5": float("nan"), "none": None}
    assert written("GetSolutionMetrics", {"metrics": metrics}) == {"metrics": {"coverage": 0.25}}


def test_numbers_keep_their_spelling() -> None:
    assert OPERATIONS["GetSolutionMetrics"].write({"metrics": {"a": 1, "b": 1.0}}) == b'{"metrics":{"a":1,"b":1.0}}'


def test_a_call_without_output_has_an_empty_body_and_the_tag_calls_an_empty_object() -> None:
    empty = sorted(name for name, operation in OPERATIONS.items() if operation.write(None) == b"")
    puts = ["PutActionInteractions", "PutActions", "PutEvents", "PutItems", "PutUsers"]
    deletes = [name for name in OPERATIONS if name.startswith("Delete")]
    assert empty == sorted([*deletes, *puts, "StopSolutionVersionCreation"])
    assert OPERATIONS["TagResource"].write(None) == OPERATIONS["UntagResource"].write(None) == b"{}"
