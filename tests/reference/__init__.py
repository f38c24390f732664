"""Decoders written from format_spec.md alone, in plain Python: they share no code with nac_cli."""
