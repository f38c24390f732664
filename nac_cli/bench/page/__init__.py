"""Pages that carry all they need: templates, style and scripts of this folder, filled in."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def asset(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def render(template: str, values: dict) -> str:
    """`template` of this folder with `values`; all but what is marked as safe there is escaped."""
    import jinja2

    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Bokeh refers back to what came before
    return environment.get_template(template).render(values)
