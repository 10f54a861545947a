"""One `ruff server` for all tests of code actions: it keeps no state between texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actions.real_ruff import RealRuff

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def ruff() -> Iterator[RealRuff]:
    with RealRuff("utf-16") as child:
        yield child
