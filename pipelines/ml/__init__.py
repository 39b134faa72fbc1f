"""Models: training data, the decision tree, evaluation, promotion and the registry."""
