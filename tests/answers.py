"""Answers as the wire has them: the JSON that boto3 was sent, with what differs from run to run masked.

told(world.personalize, "describe_recommender", recommenderArn=arn)
"""

import json
import re
from typing import Any

_VARYING = (
    (r'"(\w+DateTime)": [0-9.]+', r'"\1": "<time>"'),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (r"RID-[0-9a-f-]{25}-CID-[0-9a-f]{6}", "<recommendation id>"),
    (r"(solution/[\w-]+)/[0-9a-f]{8}", r"\1/<version>"),
    (r'"trainingHours": [0-9.]+', '"trainingHours": "<hours>"'),
    (r'"(coverage|precision_at_\d+|mean_reciprocal_rank_at_\d+|normalized_[a-z_]+_at_\d+)": [0-9.e-]+', r'"\1": "<n>"'),
)


def told(client: Any, operation: str, **members: Any) -> str:
    """The body of a call's answer, indented and masked; empty where there is none."""
    bodies: list[bytes] = []

    def note(http_response: Any, **_: Any) -> None:
        bodies.append(http_response.content)

    client.meta.events.register("after-call", note)
    try:
        getattr(client, operation)(**members)
    finally:
        client.meta.events.unregister("after-call", note)
    text = json.dumps(json.loads(bodies[0]), indent=2, ensure_ascii=False) + "\n" if bodies[0] else ""
    for pattern, mask in _VARYING:
        text = re.sub(pattern, mask, text)
    return text
