"""Every ARN that a call names is read: one of another kind is no input, and one that leads nowhere is not found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.resources.furnished import CAMPAIGN, GROUP, NAMED, OPERATIONS, SCHEMA, Full, full, sound

__all__ = ["full"]

pytestmark = pytest.mark.xdist_group("named arns")  # one service has everything
OTHER_SERVICES = ("roleArn", "kmsKeyArn")
READING = [name for name in OPERATIONS if name.startswith(("Describe", "List"))]


@dataclass(frozen=True)
class Member:
    """A place in the input of an operation where the ARN of a resource stands."""

    operation: str
    path: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its name in the list of tests."""
        return f"{self.operation}-{'.'.join(self.path)}"

    @property
    def own(self) -> str:
        """An ARN that belongs there."""
        name = self.path[-1]
        return NAMED.get(f"{name[0].upper()}{name[1:].removesuffix('Arn')}", GROUP)

    @property
    def of_another_kind(self) -> str:
        """An ARN that does not."""
        return SCHEMA if self.path[-1] in ("campaignArn", "resourceArn") else CAMPAIGN

    def leading_nowhere(self) -> dict[str, str]:
        """ARNs of the right kind, by what is wrong with them."""
        if ":::" in self.own:
            region, account = self.own.replace(":::", ":eu-west-1::"), self.own.replace(":::", "::999999999999:")
        else:
            region = self.own.replace("us-east-1", "eu-west-1")
            account = self.own.replace("000000000000", "999999999999")
        partition = self.own.replace("arn:aws:", "arn:aws-cn:")
        return {"name": f"{self.own}-none", "account": account, "region": region, "partition": partition}

    def call(self, arn: str) -> dict[str, Any]:
        """A call that would be in order but for this ARN."""
        members = sound(self.operation)
        first, *rest = self.path
        if first == "recommenderArn" and self.operation == "GetRecommendations":
            members = {"userId": "u"}
        if first == "promotions":
            return members | {"promotions": [{"name": "p", "percentPromotedItems": 10, "filterArn": arn}]}
        assert not rest, self
        return {**members, first: arn}


def members(operation: str) -> Iterator[Member]:
    """All places of ARNs in the input of an operation."""
    new: list[tuple[tuple[str, ...], Any]] = [((), OPERATIONS[operation].input_shape)]
    while new:
        path, shape = new.pop()
        if shape.type_name == "list":
            new.append((path, shape.member))
        elif shape.type_name == "structure":
            new += [((*path, name), member) for name, member in shape.members.items()]
        elif path[-1].endswith("Arn") and path[-1] not in OTHER_SERVICES:
            yield Member(operation, path)


MEMBERS = [member for operation in OPERATIONS for member in members(operation)]


@pytest.mark.parametrize("operation", READING)
def test_what_the_calls_name_is_there(full: Full, operation: str) -> None:
    assert len(full.call(operation, sound(operation))) > 1


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.id)
def test_an_arn_of_another_kind_is_no_input(full: Full, member: Member) -> None:
    error = full.refusal(member.operation, member.call(member.of_another_kind))["Error"]
    assert error["Code"] == "InvalidInputException"
    assert member.of_another_kind in error["Message"]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.id)
@pytest.mark.parametrize("wrong", ["name", "account", "region", "partition"])
def test_an_arn_that_leads_nowhere_is_not_found(full: Full, member: Member, wrong: str) -> None:
    arn = member.leading_nowhere()[wrong]
    call = member.call(arn)
    if member.operation.startswith("List") and "ResourceNotFoundException" not in OPERATIONS[member.operation].errors:
        (rows,) = (value for name, value in full.call(member.operation, call).items() if name != "ResponseMetadata")
        assert rows == []
    else:
        error = full.refusal(member.operation, call)["Error"]
        assert error["Code"] == "ResourceNotFoundException"
        assert arn in error["Message"]
