"""Amazon SageMaker's control plane: one file a noun."""
