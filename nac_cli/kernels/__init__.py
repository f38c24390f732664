"""Compiled kernels: inner loops that numpy would cut into too many calls, as machine code made by numba.

`load` gives a module's kernels, or None where there are none: then callers take their way in numpy, whose results are
the same. Machine code is made once, for the processor at hand, and kept in a folder (see `cache`); that takes some
seconds. Later processes only link it, in some hundredths, and numba is not even imported.
"""

from nac_cli.kernels.loading import load, load_or_plain

__all__ = ["load", "load_or_plain"]
