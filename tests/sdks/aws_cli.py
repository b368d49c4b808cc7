"""Calls by the AWS CLI: JSON lines in, JSON lines out, each line a command line as a person would type it.

python aws_cli.py URL, in a virtual environment of its own; see `tests/sdks/client.py` for the lines. The CLI stays
loaded between the calls, or half of the test's time would be its start.
"""

import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

_REFUSAL = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation: (.*)", re.DOTALL)


def main(url: str) -> None:
    # Only its own environment has the CLI; others import this file to look for doctests.
    from awscli.clidriver import create_clidriver

    cli = create_clidriver()
    for line in sys.stdin:
        asked = json.loads(line)
        words = [f"--endpoint-url={url}", asked["service"], dashed(asked["operation"])]
        for name, value in asked["members"].items():
            words += [f"--{dashed(name)}", value if isinstance(value, str) else json.dumps(value)]
        print(json.dumps(run(cli, words)), flush=True)


def run(cli: Any, words: list[str]) -> dict[str, Any]:
    shown, complaint = io.StringIO(), io.StringIO()
    with redirect_stdout(shown), redirect_stderr(complaint):
        status = cli.main(words)
    if status == 0:
        return {"answer": json.loads(shown.getvalue() or "{}")}
    refused = _REFUSAL.search(complaint.getvalue())
    if refused is None:
        raise SystemExit(f"{words} ended with {status}: {complaint.getvalue()}")
    return {"code": refused[1], "message": refused[2].strip()}


def dashed(name: str) -> str:
    """`minProvisionedTPS` as the CLI spells it: `min-provisioned-tps`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1])
