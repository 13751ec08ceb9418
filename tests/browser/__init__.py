"""The page script in real browsers. pytest explains the stage's assertions as it does those of tests."""

import pytest

pytest.register_assert_rewrite("tests.browser.stage")
