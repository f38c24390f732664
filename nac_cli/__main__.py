"""`python -m nac_cli` is `nac`."""

from nac_cli.cli.main import main

main(prog_name="nac")
