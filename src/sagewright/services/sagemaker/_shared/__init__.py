"""Helpers that several areas of SageMaker share."""
