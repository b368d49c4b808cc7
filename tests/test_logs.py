"""Logs: what they cost at a start, and what they never show."""

import subprocess
import sys

import pytest
import structlog

from openpersonalize import logs


def test_logging_does_not_bring_rich_along_and_leaves_it_to_others() -> None:
    code = "import sys, openpersonalize.app, openpersonalize.cli; assert 'rich' not in sys.modules; import rich.console"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_trace_does_not_show_the_values_of_variables(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    logs.configure("info", form)
    user_id = "user-" + "of-a-secret"
    try:
        raise ValueError(len(user_id))  # noqa: TRY301 - a trace is wanted
    except ValueError:
        structlog.get_logger().exception("failed")
    finally:
        structlog.configure(**before)
    shown = capsys.readouterr().err
    assert "ValueError: 16" in shown
    assert user_id not in shown
