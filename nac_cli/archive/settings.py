"""Settings of an archive: what is asked of every file, and the id of that in the journal."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from nac_cli.errors import ModelError
from nac_cli.models import zoo
from nac_cli.pipelines.models.opening import coders_to_pack
from nac_cli.pipelines.rate.target import Target


@dataclass(frozen=True)
class Settings:
    """The settings that decide the bytes of each output. `bitrate` in bit/s or `planes`, or neither, as in
    `compress`; `model` is a name or the path of a weight file, `model_id` and `lm_id` are the ids that it stands for
    (hexadecimal)."""

    model: str
    model_id: str
    lm_id: str | None
    bitrate: int | None = None
    planes: int | None = None
    entropy: str = "auto"
    tags: bool = True

    @classmethod
    def of(
        cls,
        model: str = zoo.DEFAULT,
        bitrate: int | None = None,
        planes: int | None = None,
        entropy: str = "auto",
        tags: bool = True,
    ) -> Settings:
        """Look up the model. Raises ModelError for a model that is not here, UsageError for what it cannot do,
        TokenMismatch for a language model that is not exact on this machine."""
        file = zoo.find(model)
        Target(bitrate, planes).require_possible(file.spec)
        if entropy != "auto":
            coders_to_pack(file, entropy)  # which says what is missing
        lm = zoo.lm_beside(file) if entropy in ("auto", "lm") else None
        name = file.path.absolute() if Path(model).suffix == zoo.SUFFIX else model
        lm_id = lm.model_id.hex() if lm else None
        return cls(str(name), file.spec.model_id.hex(), lm_id, bitrate, planes, entropy, tags)

    @property
    def id(self) -> str:
        """Identifier that is equal for settings which make the same files; where the model lies does not matter."""
        values = asdict(self)
        del values["model"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode("ascii")).hexdigest()[:16]

    def require_here(self) -> None:
        """Raises ModelError if the model's name stands for another one on this machine, or another language model lies
        beside it, and as `of`."""
        here = Settings.of(self.model, self.bitrate, self.planes, self.entropy, self.tags)
        if here.id != self.id:
            raise ModelError(
                f"the model {self.model} of {platform.node()}, or the language model beside it, is not the one that "
                "this run began with; put the same weight files on every machine"
            )
