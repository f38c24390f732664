from __future__ import annotations

import click
import pytest

from nac_cli import __version__
from nac_cli.cli.errors import EXIT_CODES
from nac_cli.cli.main import COMMANDS, main


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


def test_the_overview_names_every_command_and_exit_code(nac):
    result = nac("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert name in result.stdout
    for code, meaning in EXIT_CODES.items():
        assert f"    {code:<3} {meaning}\n" in result.stdout


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_every_command_explains_itself(nac, path):
    for option in ("-h", "--help"):
        result = nac(*path, option)
        assert result.exit_code == 0
    assert f"Usage: nac {' '.join(path)}" in result.stdout
    if path not in [("models", "path"), ("models", "show")]:
        assert f"\n  nac {path[0]}" in result.stdout, "no example"
    assert all(len(line) <= 100 for line in result.stdout.splitlines())


def test_version(nac):
    assert nac("--version").stdout == f"nac {__version__}\n"


def test_an_unknown_command(nac):
    result = nac("compres", "x.wav")
    assert result.exit_code == 2
    assert "compres" in result.stderr


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef nac"), ("fish", "complete --no-files")]
)
def test_completion_scripts(nac, shell, word):
    result = nac("completion", shell)
    assert result.exit_code == 0
    assert word in result.stdout and "_NAC_COMPLETE" in result.stdout


def test_completion_of_an_unknown_shell(nac):
    assert nac("completion", "cmd").exit_code == 2
