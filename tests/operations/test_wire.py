"""What each operation looks like on the wire when all is well: a file each, to be read when it changes.

They change only with --update-snapshots; clients depend on every member.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.operations.story import OPERATIONS, Wire, tell
from tests.world import SMALL, World, opened

pytestmark = pytest.mark.xdist_group("operations")  # the story is told once


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    chosen = {**SMALL, "quota_solutions": 50}
    for world in opened(tmp_path_factory.mktemp("story") / "data", chosen):
        wire = Wire(world.door)
        tell(World(world.parts, wire, world.identity))
        yield wire.seen


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_operation_looks_as_it_did(
    operation: str, seen: dict[str, str], snapshot: Callable[[str, str], None]
) -> None:
    snapshot(f"{operation}.txt", seen[operation])
