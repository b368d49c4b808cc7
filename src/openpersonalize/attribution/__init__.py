"""What recommendations are worth: from events to metrics by source, and how sure one can be of them."""
