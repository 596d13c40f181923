"""IAM: roles, users and policies as rows of the resource store, in the region ``global``."""

from sagewright.services.iam._defaults import ensure_defaults

__all__ = ["ensure_defaults"]
