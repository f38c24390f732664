"""Pages that carry all they need: templates, style and scripts of this folder, filled in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent


def asset(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def render(template: str, values: dict, scripts: Sequence[str]) -> str:
    """`template` of this folder with `values`; all but what is marked as safe there is escaped. Browsers run `scripts`
    and no other that a name could smuggle into the page, as its policy has their digests."""
    import jinja2

    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Bokeh refers back to what came before
    return environment.get_template(template).render(values, scripts=scripts, allowed=" ".join(map(_source, scripts)))


def _source(script: str) -> str:
    """A script's digest as a Content-Security-Policy has it."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
