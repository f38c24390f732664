"""`nac tag`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.tag_lines import escaped, read_lines, to_line
from nac_cli.cli.targets import PIPE, refuse_binary_on_terminal, refuse_repeated_pipe, standard_input
from nac_cli.cli.text import counted, size
from nac_cli.errors import CorruptStream, NacError

if TYPE_CHECKING:
    from nac_cli import TagChanges, TagReport
    from nac_cli.values import Picture

PICTURE_TYPES = {3: "front cover", 4: "back cover"}


class Item(click.ParamType):
    """`KEY=VALUE` as a pair."""

    name = "KEY=VALUE"

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not equals:
            self.fail(f"{value!r} is not KEY=VALUE.", param, ctx)
        return key, text


FILE = click.Path(path_type=Path)


@click.command("tag", short_help="Tags and cover art of .nac files.")
@options.files_argument
@click.option("--list", "listed", is_flag=True, help="Print tags, after any change.  [default if there is none]")
@click.option("--clear", is_flag=True, help="Remove all tags.")
@click.option("--remove", multiple=True, metavar="KEY[=VALUE]", help="Remove all values of KEY, or this one.")
@click.option("--set", "items", multiple=True, type=Item(), help="Replace all values of KEY.")
@click.option("--add", multiple=True, type=Item(), help="Add a value to those of KEY.")
@click.option(
    "--import",
    "lines",
    type=options.FILE,
    metavar="TXT",
    help="Add the tags in a file such as --list prints, or in standard input (-).",
)
@click.option("--remove-pictures", is_flag=True, help="Remove all pictures.")
@click.option("--picture", type=FILE, metavar="IMAGE", help="Replace the front cover (PNG, JPEG, GIF, WebP).")
@click.option(
    "--save-picture",
    "saved",
    type=options.FILE,
    metavar="IMAGE",
    help="Write the front cover, or else the first picture, to a file, or - for stdout.",
)
@click.option("-f", "--force", is_flag=True, help="Let --save-picture replace a file that exists.")
@options.json_option
@options.quiet_option
def command(
    files, listed, clear, remove, items, add, lines, remove_pictures, picture, saved, force, as_json, quiet
) -> None:
    """Print or change tags and cover art of .nac files, in place, without touching the sound.

    Changes are made in the order of the options below, wherever they stand; several --set of one KEY are
    its values. Keys compare without case. FILE - is standard input; with changes, the result goes to
    standard output.

    \b
    nac tag song.nac                                 KEY=VALUE, a line for each
    nac tag song.nac --set TITLE=Blue --add ARTIST=Ann --add ARTIST=Bob
    nac tag album/*.nac --set ALBUM=Sky --picture cover.jpg
    nac tag song.nac --clear --import tags.txt
    """
    refuse_repeated_pipe(files)
    if PIPE in files and lines == PIPE:
        raise click.UsageError("standard input (-) can be read only once.")
    changes = _changes(clear, remove, items, add, lines, remove_pictures, picture)
    _refuse_clashes(files, bool(changes), listed, saved, as_json)
    out = Output(as_json, quiet)

    def tag_one(name: str) -> Outcome:
        from nac_cli import tag

        piped = name == PIPE
        target = sys.stdout.buffer if piped and changes else None
        report = tag(standard_input() if piped else name, changes, target)
        if saved is not None:
            _save(report, saved, force, out)
        elif listed or not changes:
            _print(report, name if len(files) > 1 else None, out)
        if changes:
            out.say(f"{name}: {_summary(report)}")
        record = report.as_dict()
        del record["file"]
        return Outcome(record, _what_is_wrong(report, name))

    run_each(files, lambda name: name, tag_one, out)


def _changes(
    clear: bool,
    remove: tuple,
    items: tuple,
    add: tuple,
    lines: str | None,
    remove_pictures: bool,
    path: Path | None,
) -> TagChanges:
    """The changes that the options ask for, the same for all files."""
    from nac_cli import TagChanges

    picture: Picture | None = None
    if path is not None:
        # brings FFmpeg's libraries, which the rest does without
        from nac_cli.audio.tags.picture import read_picture

        picture = read_picture(path)
    added = (*add, *read_lines(lines)) if lines is not None else add
    return TagChanges(clear, remove, items, added, remove_pictures, picture)


def _refuse_clashes(files: tuple, changing: bool, listed: bool, saved: str | None, as_json: bool) -> None:
    if saved is not None and (changing or listed or len(files) > 1):
        raise click.UsageError("--save-picture goes with a single file and no other wish.")
    if PIPE in files and changing and len(files) > 1:
        raise click.UsageError("standard input (-) cannot be one of several inputs.")
    binary = saved == PIPE or (PIPE in files and changing)
    if binary and (listed or as_json):
        raise click.UsageError("the output and --list or --json both go to stdout; name a file.")
    if binary:
        refuse_binary_on_terminal()


def _save(report: TagReport, path: str, force: bool, out: Output) -> None:
    from nac_cli.files import open_output
    from nac_cli.pipelines.tag_changes import front_cover

    picture = front_cover(report.tags)
    with open_output(sys.stdout.buffer if path == PIPE else path, force) as (file, _):
        file.write(picture.data)
    out.say(f"{path}: {_describe(picture)}")


def _print(report: TagReport, title: str | None, out: Output) -> None:
    if title is not None:
        out.line(f"# {title}")
    for key, value in report.tags.items:
        out.line(to_line(key, value))
    for picture in report.tags.pictures:
        out.line(f"# {_describe(picture)}")


def _describe(picture: Picture) -> str:
    kind = PICTURE_TYPES.get(picture.type, f"picture of type {picture.type}")
    measures = f", {picture.width}x{picture.height}" if picture.width and picture.height else ""
    text = f', "{escaped(picture.description)}"' if picture.description else ""
    return f"{kind}, {picture.mime}{measures}, {size(len(picture.data))}{text}"


def _summary(report: TagReport) -> str:
    holds = f"{counted(len(report.tags.items), 'tag')}, {counted(len(report.tags.pictures), 'picture')}"
    return f"{holds}, {size(report.file_bytes)}" if report.changed else f"{holds}, nothing to change"


def _what_is_wrong(report: TagReport, name: str) -> NacError | None:
    return CorruptStream(f"{name} is damaged: {'; '.join(report.damage)}") if report.damage else None
