"""The detail layer's integers to bytes and back."""

from nac_cli.entropy.detail.payload import measure, pack, unpack
from nac_cli.entropy.detail.tables import Tables, load_tables

__all__ = ["Tables", "load_tables", "measure", "pack", "unpack"]
