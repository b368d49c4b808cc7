"""Settings: four sources, all faults at once, and a page of documentation that cannot fall behind."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from openpersonalize.settings import Settings, SettingsError, load

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "openpersonalize.toml").write_text("port = 1\nthreads = 2\nprocesses = 3\n")
    env = {"OPENPERSONALIZE_PORT": "4", "OPENPERSONALIZE_THREADS": "5"}
    chosen = load(tmp_path, {"port": 6}, env)
    assert (chosen.port, chosen.threads, chosen.processes) == (6, 5, 3)


def test_all_faults_are_told_at_once_with_source_value_and_rule(tmp_path: Path) -> None:
    (tmp_path / "openpersonalize.toml").write_text("prot = 1\n")
    env = {"OPENPERSONALIZE_THREADS": "many", "OPENPERSONALIZE_LOG_LEVEL": "loud", "OPENPERSONALIZE_PROCESSES": "0"}
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, {}, env)
    told = str(raised.value)
    assert "there is no setting prot; did you mean port?" in told
    assert "environment: threads = 'many': expected a whole number" in told
    assert "log_level = 'loud': expected one of debug, info, warning, error" in told
    assert "processes = '0': expected at least 1" in told


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "openpersonalize.toml").write_text("port = \n")
    with pytest.raises(SettingsError, match=r"openpersonalize\.toml"):
        load(tmp_path, {}, {})


def test_the_page_tells_every_setting_as_the_table_does() -> None:
    rows = [row for row in fields(Settings) if row.name != "data_dir"]
    told = PAGE.read_text()
    missing = [row.name for row in rows if f"| `{row.name}` | `{row.default}` | {row.metadata['help']} |" not in told]
    assert missing == []


def test_the_page_of_quotas_tells_every_quota_with_its_default() -> None:
    rows = [line.strip("| ").split(" | ") for line in (PAGE.parent / "quotas.md").read_text().splitlines()]
    told = {(cells[2].split(";")[0], cells[1].split(" (")[0]) for cells in rows if len(cells) > 2}
    quotas = [
        row
        for row in fields(Settings)
        if row.name.startswith(("quota_", "minimum_", "rate_")) and not isinstance(row.default, str)
    ]
    missing = [row.name for row in quotas if (f"`{row.name}`", _written(row.default)) not in told]
    assert missing == []


def _written(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,g}"
