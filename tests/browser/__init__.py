"""The page script in real browsers. pytest is told first to explain the assertions of the stage, as it does those of tests."""

import pytest

pytest.register_assert_rewrite("tests.browser.stage")
