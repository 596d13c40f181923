"""Sagewright: Amazon SageMaker's API, served and carried out on your own machines."""

__version__ = "0.1.0"
