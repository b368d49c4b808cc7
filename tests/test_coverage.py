"""The page of coverage speaks of the code as it is."""

import re

from openpersonalize.resources.registry import OPERATIONS
from openpersonalize.wire import models
from tests.coverage import PAGE


def test_the_page_tells_of_every_operation_whether_it_is_there() -> None:
    told = dict(re.findall(r"^\| (\w+) \| (yes|no) \|", PAGE.read_text(), re.MULTILINE))
    assert told == {
        name: "yes" if operation.key in OPERATIONS else "no" for name, operation in models.load().operations.items()
    }
