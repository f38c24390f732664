"""The command line: the only place that prints and that sets exit codes. Sub-commands are imported lazily."""
