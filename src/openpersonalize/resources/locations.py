"""Data locations of calls: checked, and their buckets there, before a job is enqueued for them."""

from openpersonalize.errors import InvalidInputException
from openpersonalize.resources.context import Context
from openpersonalize.storage.objects import Location, parse_location

BUCKET_GUIDE = "https://docs.aws.amazon.com/personalize/latest/dg/granting-personalize-s3-access.html"


def require_reachable(ctx: Context, text: str | None, member: str) -> Location:
    """The location in `member`; raises InvalidInputException in Amazon's words when its bucket cannot be read."""
    if text is None:
        raise InvalidInputException.violation("null", member, "not be null")
    location = parse_location(text)
    if not ctx.objects.bucket_exists(location.bucket):
        raise InvalidInputException(
            f"Insufficient privileges for accessing data in S3. Please look at {BUCKET_GUIDE} and fix bucket policy on "
            f"{location.bucket}. There is no bucket {location.bucket} in {ctx.objects.place}."
        )
    return location
