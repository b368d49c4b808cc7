"""One file per family of models; each has a type before training (hyperparameters) and one after (scores)."""
