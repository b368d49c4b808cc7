"""The service models that botocore carries, compiled when the server starts: Amazon Personalize, and CloudWatch.

The model is the specification: routes, members, constraints and errors are read from it, never written down again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from openpersonalize.wire.operation import Operation

SERVICES = ("personalize", "personalize-events", "personalize-runtime")
CLOUDWATCH = "cloudwatch"


@dataclass(frozen=True)
class Model:
    """Operations by name, by X-Amz-Target, and by method and path."""

    operations: Mapping[str, Operation]
    targets: Mapping[str, Operation]
    paths: Mapping[tuple[str, str], Operation]


@cache
def load() -> Model:
    """Read and compile the three models of Amazon Personalize: 79 operations (0.1 to 0.3 s, once per process)."""
    operations: dict[str, Operation] = {}
    targets: dict[str, Operation] = {}
    paths: dict[tuple[str, str], Operation] = {}
    for service in SERVICES:
        model = _read(service)
        for name in model.operation_names:
            operation = operations[name] = _operation(model, name, xform_name(name), _errors(model, name))
            http = model.operation_model(name).http
            if operation.rest:
                paths[http["method"], http["requestUri"]] = operation
            else:
                targets[f"{model.metadata['targetPrefix']}.{name}"] = operation
            _ = operation.parse, operation.write  # compiled now, so that no first caller waits for it
    return Model(operations, targets, paths)


@cache
def load_cloudwatch() -> Model:
    """The model of CloudWatch (10 ms). Each operation is compiled when it is first called: few are ever."""
    model = _read(CLOUDWATCH)
    # An operation answers with errors of its service that its own entry leaves out: a bad period, for instance.
    errors = {code: named for name in model.operation_names for code, named in _errors(model, name).items()}
    operations = {
        name: _operation(model, name, f"{CLOUDWATCH}.{xform_name(name)}", errors) for name in model.operation_names
    }
    prefix = model.metadata["targetPrefix"]
    targets = {f"{prefix}.{name}": operation for name, operation in operations.items()}
    # The paths of RPC v2: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
    paths = {("POST", f"/service/{prefix}/operation/{name}"): operation for name, operation in operations.items()}
    return Model(operations, targets, paths)


def _read(service: str) -> ServiceModel:
    """Only the models inside botocore count: its usual path would let files in a home directory change the API."""
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def _operation(model: ServiceModel, name: str, key: str, errors: Mapping[str, str]) -> Operation:
    shape = model.operation_model(name)
    return Operation(
        name=name,
        key=key,
        service=model.service_name,
        rest=model.metadata["protocol"] == "rest-json",
        signing=model.signing_name,
        errors=errors,
        input_shape=shape.input_shape,
        output_shape=shape.output_shape,
    )


def _errors(model: ServiceModel, name: str) -> dict[str, str]:
    """The errors that an operation's entry names, with their codes in the query protocol."""
    shapes = model.operation_model(name).error_shapes
    return {error.name: str(error.metadata.get("error", {}).get("code", error.name)) for error in shapes}
