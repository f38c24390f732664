"""Waiting for a page, by asking it again and again: its content policy forbids scripts that wait by themselves."""

from __future__ import annotations

import time

PATIENCE = 30.0
"""Seconds, for a machine with much else to do."""


def until(page, expression: str) -> None:
    """Returns when the JavaScript `expression` is true in `page`; fails after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(f"!!({expression})"):
        assert time.monotonic() < end, f"never: {expression}"
        time.sleep(0.05)
