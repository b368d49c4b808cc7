"""What can be learned: the catalogue of recipes, the arrays they see, the metrics and the models."""
