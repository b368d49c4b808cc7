"""The page of coverage speaks of the code as it is."""

import re
from collections.abc import Iterator

from openpersonalize.arns import Arn
from openpersonalize.errors import InvalidInputException
from openpersonalize.resources.registry import OPERATIONS
from openpersonalize.wire import models
from tests.coverage import BEGIN, END, PAGE, refusals, renewed, told


def test_the_page_tells_of_every_operation_whether_it_is_there() -> None:
    listed = dict(re.findall(r"^\| (\w+) \| (yes|no) \|", PAGE.read_text(), re.MULTILINE))
    assert listed == {
        name: "yes" if operation.key in OPERATIONS else "no" for name, operation in models.load().operations.items()
    }


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text()
    assert page == renewed(page, told(page)), "python -m tests.coverage writes it anew"


def test_what_a_page_tells_as_met_is_read_back() -> None:
    met = {("CreateSchema", "OK"), ("CreateSchema", "InvalidInputException"), ("PutEvents", "InvalidInputException")}
    page = renewed(f"before {BEGIN}old{END} after", met)
    assert told(page) == met
    assert (page.startswith("before "), page.endswith(" after"), "old" in page) == (True, True, False)


def checked(name: str) -> list[str]:
    if not name:
        raise InvalidInputException("name is missing.")
    faults = []
    if len(name) > 3:
        faults.append(f"{name} is long.")
    if faults:
        raise InvalidInputException.violations(faults)
    return faults


def yielding(name: str) -> Iterator[str]:
    if name == "x":
        yield "x is no name."
    yield name
    yield "name"
    raise ValueError(name)


def long(name: str) -> InvalidInputException:
    return InvalidInputException(f"{name} is long.")


def calling(arn: str) -> None:
    if len(arn) > 9:
        raise long(arn)
    Arn.parse(arn)


def test_a_refusal_is_an_error_of_ours_or_a_text_that_is_told_with_others() -> None:
    assert (refusals(checked), refusals(yielding)) == (3, 1)


def test_refusals_of_what_is_called_count() -> None:
    assert refusals(calling) == 1 + refusals(Arn.parse) == 2
