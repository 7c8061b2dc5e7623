"""Generated sessions of a fleet, held against a plain reading of the protocol."""

import pytest

pytest.register_assert_rewrite("tests.fuzz.sessions")
