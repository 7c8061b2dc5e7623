"""Generated sessions of a fleet, compared with a reference model."""

import pytest

pytest.register_assert_rewrite("tests.fuzz.sessions")
