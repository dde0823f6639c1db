"""`pytest --no-skips`, by which CI sees that no library is missing, fails where a test or a file is skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = "pytester"

SKIPS = {
    "nothing": "",
    "a test": "def test_b(): pytest.importorskip('no_such_library')",
    "a file": "pytest.importorskip('no_such_library')",
}


@pytest.mark.parametrize("skipped", SKIPS)
def test_what_is_skipped_fails_where_nothing_may_be(pytester: pytest.Pytester, skipped: str) -> None:
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_one="def test_a(): pass", test_two=f"import pytest\n{SKIPS[skipped]}")
    assert pytester.runpytest("-p", "no:cacheprovider").ret == pytest.ExitCode.OK
    strict = pytester.runpytest("-p", "no:cacheprovider", "--no-skips").ret
    assert strict == (pytest.ExitCode.OK if skipped == "nothing" else pytest.ExitCode.TESTS_FAILED)
