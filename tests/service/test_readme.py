"""The quickstart of the README, run as it stands."""

import configparser
import re
import subprocess
import sys
from os import environ
from pathlib import Path

from tests.server import serving
from tests.world import write_csv

README = Path(__file__).parents[2] / "README.md"


def test_the_quickstart_recommends(tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    bucket = tmp_path / "s3" / "shop"
    bucket.mkdir(parents=True)
    rows = [
        (f"u{user}", f"i{(user * 7 + step) % 50}", 1_700_000_000 + step) for user in range(60) for step in range(20)
    ]
    write_csv(bucket / "interactions.csv", ["USER_ID", "ITEM_ID", "TIMESTAMP"], rows)
    with serving(tmp_path) as server:
        assert configparser.ConfigParser().read(tmp_path / "credentials")
        done = subprocess.run(
            [sys.executable, "-c", code.replace("http://127.0.0.1:8080", server.url)],
            capture_output=True,
            text=True,
            check=False,
            env={
                **environ,
                "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            },
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("itemId") == 5
