"""What every test may ask for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.coverage import listened
from tests.databases import database_url, metadata, postgresql
from tests.films import filled
from tests.world import world

__all__ = ["Snapshot", "database_url", "filled", "listened", "metadata", "postgresql", "world"]

Snapshot = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write snapshots anew instead of comparing")


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Compare a text with `snapshots/<name>` beside the test; with --update-snapshots, write it."""
    folder = Path(request.path).parent / "snapshots"

    def check(name: str, text: str) -> None:
        file = folder / name
        if request.config.getoption("--update-snapshots"):
            folder.mkdir(exist_ok=True)
            file.write_text(text)
        assert file.exists(), f"no snapshot {file}; write it with --update-snapshots"
        assert text == file.read_text()

    return check
