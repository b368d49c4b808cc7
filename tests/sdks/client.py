"""A client of another make, in a process of its own: one JSON line asks, one JSON line answers.

{"service": "personalize", "operation": "ListSchemas", "members": {"maxResults": 5}}
{"answer": {"schemas": []}}     or     {"code": "ResourceNotFoundException", "message": "…"}

Times are texts as `datetime.isoformat` writes them. `make sdks` makes the environments under `.venv-sdks`, with the
versions that this folder pins.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
SDKS = FOLDER.parents[1] / ".venv-sdks"
COMMANDS: dict[str, tuple[str, ...]] = {
    "aws-cli": (str(SDKS / "aws-cli" / "bin" / "python"), str(FOLDER / "aws_cli.py")),
    "botocore-2022": (str(SDKS / "botocore-2022" / "bin" / "python"), str(FOLDER / "botocore_2022.py")),
    "javascript": ("node", str(FOLDER / "javascript.mjs"), str(SDKS / "javascript")),
}


class RefusedError(Exception):
    """The service refused a call; `code` and `message` are what the client made of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(frozen=True)
class Client:
    """A running client."""

    process: "subprocess.Popen[str]"

    def __call__(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        """What the service answers; raises RefusedError."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"service": service, "operation": operation, "members": members}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the client ended at {asked} with status {self.process.wait(10)}"
        told = json.loads(line)
        if "code" in told:
            raise RefusedError(told["code"], told["message"])
        answer: dict[str, Any] = told["answer"]
        return answer


@contextmanager
def calling(name: str, url: str, credentials: Path) -> Iterator[Client]:
    """The client of that name, with the keys of a credentials file; skips the test where it is not installed."""
    command = COMMANDS[name]
    require(name, command)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    keys = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_CONFIG_FILE": os.devnull, "AWS_PROFILE": name}
    process = subprocess.Popen(
        [*command, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment | keys
    )
    try:
        yield Client(process)
    finally:
        process.communicate(timeout=30)


def require(name: str, command: Sequence[str]) -> None:
    """Skip with the reason where a client cannot run."""
    if name == "javascript" and shutil.which("node") is None:
        pytest.skip("there is no node on this machine; the AWS SDK for JavaScript needs node 20 or newer")
    if not all(Path(word).exists() for word in command if "/" in word) or not (SDKS / f".{name}").exists():
        pytest.skip(f"{SDKS.name} has no {name}; `make sdks` installs it")
