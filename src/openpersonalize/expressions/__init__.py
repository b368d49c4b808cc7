"""The two small languages users write: filter expressions and metric expressions.

Each has a frozen tree, a grammar that reads text into it, a printer that writes it back, and a check against the
schemas of a dataset group. Whatever is wrong is an `ExpressionError` that says where.
"""

from openpersonalize.expressions.faults import ExpressionError, PlaceholderError

__all__ = ["ExpressionError", "PlaceholderError"]
