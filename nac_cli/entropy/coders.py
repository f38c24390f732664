"""The entropy coders that come with a codec model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nac_cli.entropy.frequencies import FrequencyTables

if TYPE_CHECKING:
    from nac_cli.entropy.lm import LanguageModel


@dataclass(frozen=True)
class Coders:
    """`tables` serve the mode `static`, `lm` the mode `lm`; `packed` needs neither."""

    tables: FrequencyTables | None = None
    lm: LanguageModel | None = None
