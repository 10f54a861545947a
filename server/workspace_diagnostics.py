"""workspace/diagnostic."""

from __future__ import annotations
import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.app import App


class WorkspaceDiagnostics:
    """x"""

    def __init__(self, app: App) -> None:
        self._app = app

    async def report(self, previous: dict[str, str], partial: Any, progress: Any) -> None:
        """x"""
        await asyncio.Event().wait()
