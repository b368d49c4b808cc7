"""The service models of Amazon Personalize, as botocore carries them: 79 operations, compiled when the server starts.

The model is the specification: routes, members, constraints and errors are read from it, never written down again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from openpersonalize.errors import UnknownOperationException
from openpersonalize.wire.parse import compile_parser
from openpersonalize.wire.write import compile_serializer

SERVICES = ("personalize", "personalize-events", "personalize-runtime")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of one service.

    `key` is its name in snake case, under which its function is registered. `rest` tells REST-JSON from JSON 1.1.
    `parse` gives keyword arguments from a decoded body, `write` the reply's body from an answer. `errors` are the codes
    its model names.
    """

    name: str
    key: str
    service: str
    rest: bool
    parse: Callable[[Any], dict[str, Any]]
    write: Callable[[Any], bytes]
    errors: frozenset[str]
    input_shape: Any
    output_shape: Any


@dataclass(frozen=True)
class Model:
    """All operations by name, and the two ways to find the one a request means."""

    operations: Mapping[str, Operation]
    targets: Mapping[str, Operation]
    paths: Mapping[tuple[str, str], Operation]

    def route(self, method: str, path: str, target: str | None) -> Operation:
        """By X-Amz-Target where the request has one, else by method and path; raises UnknownOperationException."""
        if target is None:
            found, asked = self.paths.get((method, path)), f"{method} {path}"
        else:
            found, asked = self.targets.get(target) if method == "POST" else None, f"{method} with target {target}"
        if found is None:
            raise UnknownOperationException(f"No operation of Amazon Personalize answers {asked[:200]}.")
        return found


@cache
def load() -> Model:
    """Read and compile the three models (0.1 to 0.3 s, once per process).

    Only the models inside botocore count: its usual search path would let files in a home directory change the API.
    """
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    operations: dict[str, Operation] = {}
    targets: dict[str, Operation] = {}
    paths: dict[tuple[str, str], Operation] = {}
    for service in SERVICES:
        model = ServiceModel(loader.load_service_model(service, "service-2"), service)
        for name in model.operation_names:
            operation = operations[name] = _compile(model, name)
            http = model.operation_model(name).http
            if operation.rest:
                paths[http["method"], http["requestUri"]] = operation
            else:
                targets[f"{model.metadata['targetPrefix']}.{name}"] = operation
    return Model(operations, targets, paths)


def _compile(model: ServiceModel, name: str) -> Operation:
    shape = model.operation_model(name)
    return Operation(
        name=name,
        key=xform_name(name),
        service=model.service_name,
        rest=model.metadata["protocol"] == "rest-json",
        parse=compile_parser(shape.input_shape),
        write=compile_serializer(shape.output_shape),
        errors=frozenset(error.name for error in shape.error_shapes),
        input_shape=shape.input_shape,
        output_shape=shape.output_shape,
    )
