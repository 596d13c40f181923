"""IAM: roles, users and policies, kept in the resource store; global, whatever region a request is signed for."""

from sagewright.services.iam._defaults import ensure_defaults

__all__ = ["ensure_defaults"]
