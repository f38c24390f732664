"""`python -m nac_cli` is `nac`."""

from nac_cli.cli.main import main

if __name__ == "__main__":  # worker processes import this module under another name
    main(prog_name="nac")
