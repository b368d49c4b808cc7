"""From a request to the operation it means and the protocol it speaks.

X-Amz-Target: AmazonPersonalize.…        JSON 1.1      Amazon Personalize
method and path                          REST-JSON     its events and its runtime
X-Amz-Target: GraniteServiceVersion…     JSON 1.0      CloudWatch
/service/GraniteServiceVersion…          RPC v2 CBOR   CloudWatch
a form with Action=…                     query         CloudWatch
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from openpersonalize.errors import UnknownOperationException
from openpersonalize.wire import models, query
from openpersonalize.wire.cbor import CBOR
from openpersonalize.wire.messages import Request
from openpersonalize.wire.operation import Operation
from openpersonalize.wire.protocols import JSON_1_0, JSON_1_1, REST_JSON, Form
from openpersonalize.wire.query import QUERY

_CLOUDWATCH_TARGET = "GraniteServiceVersion"
_CLOUDWATCH_PATH = "/service/GraniteServiceVersion"


class Route(NamedTuple):
    """What the head of a request tells: the protocol, and the operation unless only the body names it, or none does."""

    protocol: Form
    operation: Operation | None


@dataclass(frozen=True)
class Routes:
    """The ways to every operation."""

    targets: Mapping[str, Route]
    paths: Mapping[tuple[str, str], Route]
    actions: Mapping[str, Operation]

    def head(self, method: str, path: str, headers: Mapping[str, Sequence[str]]) -> Route:
        """The route that method, path and headers tell."""
        given = headers.get("x-amz-target")
        if given is not None:
            target = ",".join(given)
            known = self.targets.get(target) if method == "POST" else None
            return known or Route(JSON_1_0 if target.startswith(_CLOUDWATCH_TARGET) else JSON_1_1, None)
        return self.paths.get((method, path)) or Route(_of_path(method, path, headers), None)

    def body(self, request: Request, protocol: Form) -> Operation:
        """The operation that the body names, where the head has named none; raises UnknownOperationException."""
        target = request.header("x-amz-target")
        asked = f"{request.method} {request.path}" if target is None else f"{request.method} with target {target}"
        if protocol is QUERY:
            action = query.action(request.body)
            if action is not None and (found := self.actions.get(action)) is not None:
                return found
            asked = f"the action {action}"
        service = "Amazon Personalize" if protocol in (JSON_1_1, REST_JSON) else "CloudWatch"
        raise UnknownOperationException(f"No operation of {service} answers {asked[:200]}.")


def _of_path(method: str, path: str, headers: Mapping[str, Sequence[str]]) -> Form:
    if path.startswith(_CLOUDWATCH_PATH):
        return CBOR
    kind = headers.get("content-type", ("",))[0]
    return QUERY if method == "POST" and path == "/" and kind.startswith(query.CONTENT_TYPE) else REST_JSON


@cache
def load() -> Routes:
    """The routes of all services."""
    personalize, cloudwatch = models.load(), models.load_cloudwatch()
    return Routes(
        targets={target: Route(JSON_1_1, operation) for target, operation in personalize.targets.items()}
        | {target: Route(JSON_1_0, operation) for target, operation in cloudwatch.targets.items()},
        paths={path: Route(REST_JSON, operation) for path, operation in personalize.paths.items()}
        | {path: Route(CBOR, operation) for path, operation in cloudwatch.paths.items()},
        actions=cloudwatch.operations,
    )
