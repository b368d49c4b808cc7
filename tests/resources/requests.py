"""Requests made from the shapes of the service model: valid by shape, or with exactly one fault of known place.

Values of members that mean something to the service (ARNs, names, expressions, schemas, locations, properties) come
partly from a `Known` world, so that requests get past the first check and into the rules behind it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from openpersonalize.wire.operation import Operation
from tests.wire import shapes

ACCOUNT, REGION = "000000000000", "us-east-1"
Strategy = st.SearchStrategy[Any]

EXPRESSIONS = (
    'INCLUDE ItemID WHERE Items.GENRES IN ("drama", "noir")',
    "EXCLUDE ItemID WHERE Items.YEAR < 1990",
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")',
    "INCLUDE ItemID WHERE Items.GENRES IN ($GENRES) AND Items.YEAR >= $YEAR",
    "EXCLUDE ItemID WHERE Items.GENRES NOT IN ($GENRES)",
    'INCLUDE ItemID WHERE Items.NOPE IN ("x") | EXCLUDE ItemID WHERE Items.YEAR > CurrentUser.AGE',
    "INCLUDE ActionID WHERE Actions.VALUE > 1",
    "SUM(Items.YEAR)",
    "SAMPLECOUNT()",
    "SUM(Interactions.TIMESTAMP)",
)
PROPERTIES = (
    "{}",
    '{"genres": "drama", "age": 3}',
    '{"year": 1999}',
    "[]",
    "null",
    "1",
    '{"YEAR": 1999}',
    '{"year": "x", "GENRES": null}',
    '{"eventValue": 1e999}',
    "{",
)
FIELDS = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "GENRES", "AGE", "ACTION_ID", "x", "")
TYPES = ("string", "long", "int", "float", "boolean", "null", "bytes", "record", 3, None, {"type": "string"})
KINDS = ("Interactions", "Items", "Users", "Actions", "ActionInteractions", "Action_Interactions", "Nope", "")


@dataclass(frozen=True)
class Known:
    """What there is: ARNs by kind ("dataset-group"), names and tracking ids."""

    arns: Mapping[str, Sequence[str]]
    names: Sequence[str]
    tracking_ids: Sequence[str]
    locations: Sequence[str]

    def all(self) -> list[str]:
        """Every ARN."""
        return [arn for arns in self.arns.values() for arn in arns]


KIND_OF_MEMBER = {
    "solutionVersionArn": "solution",
    "schemaArn": "schema",
    "recipeArn": "recipe",
    "algorithmArn": "algorithm",
    "featureTransformationArn": "feature-transformation",
    "datasetArn": "dataset",
}


def kind_of(member: str) -> str:
    """The kind in ARNs that a member takes.

    >>> kind_of("metricAttributionArn")
    'metric-attribution'
    """
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in member.removesuffix("Arn"))
    return KIND_OF_MEMBER.get(member, words)


def valid(operation: Operation, known: Known, *, whole: bool = False) -> Strategy:
    """Bodies that keep every rule of the operation's input shape; `whole` ones have all optional members."""
    body = _value(operation.input_shape, operation.name, known, whole=whole)
    if whole or operation.name not in WELL_MEANT:
        return body
    members = operation.input_shape.members
    more = {name: _value(members[name], name, known, whole=whole) for name in WELL_MEANT[operation.name]}
    return _mostly(st.builds(lambda *parts: {**parts[0], **parts[1]}, body, st.fixed_dictionaries(more)), body)


WELL_MEANT = {
    "GetRecommendations": ("campaignArn", "userId", "itemId"),
    "GetActionRecommendations": ("campaignArn", "userId"),
    "CreateSolution": ("recipeArn",),
}
"""Optional members without which a call is hardly ever in earnest."""


def _value(shape: Any, member: str, known: Known, whole: bool) -> Strategy:  # noqa: FBT001 - handed down
    if shape is None:
        return st.just({})
    if shape.type_name == "structure":
        return _structure(shape, known, whole)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 3)
    if shape.type_name == "list":
        low = max(least, min(1, most)) if whole else least
        return st.lists(_value(shape.member, member, known, whole), min_size=low, max_size=min(most, low + 2))
    if shape.type_name == "map":
        key, value = _value(shape.key, member, known, whole), _value(shape.value, member, known, whole)
        return st.dictionaries(key, value, min_size=1 if whole else 0, max_size=min(most, 2))
    return _mostly(_likely(shape, member, known), shapes.valid(shape))


def _structure(shape: Any, known: Known, whole: bool) -> Strategy:  # noqa: FBT001 - handed down
    members = {name: _value(below, name, known, whole) for name, below in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members}
    if whole or not members:
        return st.fixed_dictionaries({**members, **required})
    # With half of all optional members in it, hardly a request would get past the first rule.
    some = st.lists(st.sampled_from(sorted(members)), max_size=MOST_OPTIONAL, unique=True)
    return some.flatmap(lambda names: st.fixed_dictionaries({**required, **{name: members[name] for name in names}}))


MOST_OPTIONAL = 2


def _mostly(likely: Strategy, other: Strategy) -> Strategy:
    """The other one time in twelve; `one_of` knows no weights, and prefers nothing of what is given twice."""
    return st.sampled_from(range(12)).flatmap(lambda drawn: other if drawn == UNLIKELY else likely)


UNLIKELY = 7


def _likely(shape: Any, member: str, known: Known) -> Strategy:
    """What the member takes when a client means well."""
    by_shape: dict[str, Callable[[], Strategy]] = {
        "Arn": lambda: arns(known, member),
        "AvroSchema": schemas,
        "ColumnName": lambda: st.sampled_from([name for name in FIELDS if name]),
        "DatasetType": lambda: st.sampled_from(["Interactions", "ITEMS", "users", "ACTIONS", "Nope"]),
        "EventType": lambda: st.sampled_from(["click", "View", "none"]),
        "FilterExpression": lambda: st.sampled_from(EXPRESSIONS),
        "KmsKeyArn": lambda: st.just("arn:aws:kms:us-east-1:000000000000:key/0f1e"),
        "MetricExpression": lambda: st.sampled_from(EXPRESSIONS),
        "Name": lambda: st.sampled_from(known.names) | st.from_regex(r"[a-z]{8}", fullmatch=True),
        "NextToken": lambda: st.sampled_from(["", "A" * 24, "====", "\x00"]),
        "RoleArn": lambda: st.just("arn:aws:iam::000000000000:role/films"),
        "S3Location": lambda: st.sampled_from(known.locations),
        "SchedulingExpression": lambda: st.sampled_from(["rate(1 day)", "rate(30 days)", "rate(0 days)"]),
    }
    by_member: dict[str, Callable[[], Strategy]] = {
        "trackingId": lambda: st.sampled_from(known.tracking_ids),
        "maxResults": lambda: st.integers(1, 3),
        "numResults": lambda: st.integers(0, 30),
        "sentAt": lambda: st.integers(1_700_000_000, 1_800_000_000),
        "timestamp": lambda: st.integers(1_700_000_000, 1_800_000_000),
    }
    if shape.name in by_shape or member in by_member:
        return (by_shape.get(shape.name) or by_member[member])()
    if shape.name.endswith(("Properties", "PropertiesJSON")):
        return _mostly(
            st.sampled_from(PROPERTIES), shapes.any_json.map(json.dumps).filter(lambda text: 1 <= len(text) <= 900)
        )
    if member in ("userId", "itemId", "inputList", "actionId"):
        return st.sampled_from(["u1", "u2", "i1", "i2", "none"])
    if shape.name in ("HPOResource", "ParameterValue", "FilterAttributeValue", "EventValueThreshold"):
        return st.sampled_from(["1", "40", "-1", "1e400", "nan", "٣", '"drama"', "0.5"])
    if shape.name in ("ParameterName", "FilterAttributeName"):
        return st.sampled_from(["GENRES", "YEAR", "explorationWeight", "explorationItemAgeCutOff"])
    return shapes.valid(shape)


def arns(known: Known, member: str) -> Strategy:
    """ARNs by shape: mostly there, else of another kind, made up, of another account or region, or odd."""
    kind, every = kind_of(member), known.all()
    right = [arn for arn in known.arns.get(kind, ()) if (member == "solutionVersionArn") <= (arn.count("/") > 1)]
    own = f"arn:aws:personalize:{REGION}:{ACCOUNT}"
    tails = ["none", "films/ITEMS", "films/", "a/b/c/d", "model/$LATEST", "$LATEST", "films:x", "é", "x" * 150]
    odd = [
        f"{own}:{kind}",
        f"{own}:/",
        f"arn:aws-cn:personalize:::{kind}/films",
        "arn:a:personalize:::x/y",
        f"{own}:a:b",
    ]
    made_up = [f"{own}:{kind}/{tail}" for tail in tails]
    foreign = [arn.replace(ACCOUNT, "111122223333").replace(REGION, "eu-west-1") for arn in every]
    wrong = st.sampled_from(made_up + odd) | st.sampled_from(foreign) | st.sampled_from(every)
    return _mostly(st.sampled_from(right or every), wrong)


def schemas() -> Strategy:
    """Avro schemas, sound and otherwise, and other JSON."""
    kinds = st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), max_size=3)
    column = st.fixed_dictionaries(
        {"name": st.sampled_from(FIELDS), "type": kinds},
        optional={"categorical": st.booleans() | st.none(), "textual": st.booleans(), "default": shapes.any_json},
    )
    record = st.fixed_dictionaries(
        {"type": st.just("record") | st.sampled_from(TYPES), "name": st.sampled_from(KINDS)},
        optional={
            "fields": st.lists(column | shapes.any_json, max_size=5) | shapes.any_json,
            "version": st.just("1.0"),
        },
    )
    interactions = [{"name": name, "type": kind} for name, kind in (("USER_ID", "string"), ("ITEM_ID", "string"))]
    sound: dict[str, Any] = {
        "type": "record",
        "name": "Interactions",
        "fields": [*interactions, {"name": "TIMESTAMP", "type": "long"}],
    }
    more = st.lists(column, max_size=2).map(lambda columns: {**sound, "fields": [*sound["fields"], *columns]})
    made = (record | more | shapes.any_json).map(json.dumps) | st.sampled_from(["", "{", "[" * 600])
    return made.filter(lambda text: len(text) <= 20_000)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a body: where, what, the body, and the code that must come of it."""

    path: tuple[str, ...]
    what: str
    body: Any = field(repr=False)
    code: str

    @property
    def told(self) -> str:
        """The place as messages spell it."""
        return ".".join(self.path)


INVALID, UNREADABLE = "InvalidInputException", "SerializationException"


def faults(operation: Operation, body: dict[str, Any]) -> Iterator[Fault]:
    """Every fault of one rule that a valid body can be given."""
    if operation.input_shape is not None:
        yield from _of(operation.input_shape, body, (), lambda changed: changed)


Put = Callable[[Any], Any]
"""From the value at a place to the whole body."""


def _of(shape: Any, value: Any, path: tuple[str, ...], put: Put) -> Iterator[Fault]:
    wrong = {"structure": [], "list": {}, "map": [], "string": 7}.get(shape.type_name, {})
    yield Fault(path, "wrong type", put(wrong), UNREADABLE)
    if shape.type_name == "structure":
        yield from _of_structure(shape, value, path, put)
    elif shape.type_name == "list":
        yield from _of_list(shape, value, path, put)
    elif shape.type_name == "map":
        for key, below in value.items():
            yield from _of(shape.value, below, (*path, key, "member"), _putting(put, value, key))
    elif shape.type_name in _BREAKING:
        for what, broken in _BREAKING[shape.type_name](shape):
            yield Fault(path, what, put(broken), INVALID)


def _of_structure(shape: Any, value: Any, path: tuple[str, ...], put: Put) -> Iterator[Fault]:
    for name in shape.required_members:
        yield Fault((*path, name), "missing", put({key: given for key, given in value.items() if key != name}), INVALID)
        yield Fault((*path, name), "null", put({**value, name: None}), INVALID)
    for name, below in value.items():
        yield from _of(shape.members[name], below, (*path, name), _putting(put, value, name))


def _of_list(shape: Any, value: Any, path: tuple[str, ...], put: Put) -> Iterator[Fault]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if least:
        yield Fault(path, "too few", put(value[: least - 1]), INVALID)
    if value:
        if most is not None and most <= 1000:  # longer bodies only take time
            yield Fault(path, "too many", put(value[:1] * (most + 1)), INVALID)
        yield Fault((*path, "1", "member"), "null", put([None, *value[1:]]), INVALID)
        yield from _of(shape.member, value[0], (*path, "1", "member"), lambda changed: put([changed, *value[1:]]))


def _putting(put: Put, value: Mapping[str, Any], name: str) -> Put:
    return lambda changed: put({**value, name: changed})


def _broken_string(shape: Any) -> Iterator[tuple[str, str]]:
    rules = shape.metadata
    if rules.get("min", 0):
        yield "too short", ""
    if "max" in rules:
        yield "too long", "x" * (rules["max"] + 1)
    if "pattern" in rules:
        yield "against the pattern", "\n" if "ASCII" not in rules["pattern"] else "é"
    if "enum" in rules:
        yield "not in the enumeration", f"{rules['enum'][0]}X"


def _broken_number(shape: Any) -> Iterator[tuple[str, float]]:
    rules = shape.metadata
    if "min" in rules:
        yield "too small", rules["min"] - 1
    if "max" in rules:
        yield "too large", rules["max"] + 1
    if shape.type_name == "integer":
        yield "beyond 32 bits", 2**31


_BREAKING: dict[str, Callable[[Any], Iterator[tuple[str, Any]]]] = {
    "string": _broken_string,
    "integer": _broken_number,
    "long": _broken_number,
    "float": _broken_number,
    "double": _broken_number,
    "timestamp": lambda _shape: iter([("beyond the calendar", 1e18)]),
}


def strange(operation: Operation, known: Known) -> Strategy:
    """Valid bodies in which any member may be any JSON, with members that nobody knows."""
    extra = st.dictionaries(st.text(max_size=8), shapes.any_json, max_size=2)
    names = list(operation.input_shape.members) if operation.input_shape is not None else ["x"]
    replaced = st.dictionaries(st.sampled_from(names), shapes.any_json, max_size=2) if names else st.just({})
    return st.builds(lambda *parts: {**parts[0], **parts[1], **parts[2]}, extra, valid(operation, known), replaced)
