"""So that a broken promise shows its values."""

import pytest

pytest.register_assert_rewrite("sagewright.testing.backends", "sagewright.testing.isolation")
