"""Generated sessions, compared with a reference model."""

import pytest

pytest.register_assert_rewrite("tests.fuzz.sessions")
