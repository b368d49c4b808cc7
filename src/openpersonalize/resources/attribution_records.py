"""The record of a metric attribution, for those who describe it and those who count by it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from openpersonalize.attribution.measures import Measure
from openpersonalize.resources import lifecycle
from openpersonalize.resources.resource import Resource


@dataclass(frozen=True, kw_only=True)
class MetricAttribution(Resource):
    """An attribution; `metrics` are MetricAttributes as they came: eventType, metricName and expression.

    `counted_from` is the place in the stream behind which events came after it was made.
    """

    noun: ClassVar[str] = "metric-attribution"
    life: ClassVar[lifecycle.Life] = lifecycle.STANDARD
    name: str
    metric_attribution_arn: str
    dataset_group_arn: str
    metrics_output_config: dict[str, Any]
    metrics: list[dict[str, str]]
    counted_from: int
    status: str
    failure_reason: str | None = None

    @property
    def destination(self) -> str | None:
        """The folder of reports, ending in a slash; None where none are wanted."""
        path: str | None = (self.metrics_output_config.get("s3DataDestination") or {}).get("path")
        return None if path is None else path.rstrip("/") + "/"

    @property
    def measures(self) -> list[Measure]:
        """The metrics, read."""
        return [Measure.read(one["metricName"], one["eventType"], one["expression"]) for one in self.metrics]
