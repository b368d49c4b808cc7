"""Files by `s3://` location: data to import, results to export, trained models."""

from openpersonalize.storage.objects.location import Location, parse_location
from openpersonalize.storage.objects.store import Entry, Objects

__all__ = ["Entry", "Location", "Objects", "parse_location"]
