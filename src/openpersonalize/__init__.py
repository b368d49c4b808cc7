"""Amazon Personalize, self-hosted: the same API, on your own machine.

Start reading at `openpersonalize.app`, which joins the parts; `docs/architecture.md` walks through one request,
one import, one training, one recommendation and one event.
"""

from importlib.metadata import version

__version__ = version("openpersonalize")
