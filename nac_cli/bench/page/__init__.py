"""Pages that carry all they need: templates, style and scripts of this folder, filled in."""

from __future__ import annotations

from pathlib import Path

from nac_cli.errors import AudioError

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


def write(path: Path, text: str) -> None:
    """Beside and renamed. Raises AudioError where it cannot be written."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({error.strerror})") from error
