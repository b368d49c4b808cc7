"""Calls by a botocore of November 2022, the first that knows metric attributions: JSON lines in, JSON lines out.

python botocore_2022.py URL, in a virtual environment of its own; see `tests/sdks/client.py` for the lines.
"""

import json
import sys
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import Session


def main(url: str) -> None:
    session = Session()
    clients: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        service = asked["service"]
        if service not in clients:
            clients[service] = session.create_client(service, endpoint_url=url)
        try:
            answer = getattr(clients[service], xform_name(asked["operation"]))(**asked["members"])
            told = {"answer": answer}
        except ClientError as fault:
            told = {"code": fault.response["Error"]["Code"], "message": fault.response["Error"]["Message"]}
        print(json.dumps(told, default=datetime.isoformat), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
