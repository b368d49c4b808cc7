"""A fitted model and a request to ranked items: models kept in memory, history, candidates, scores."""
