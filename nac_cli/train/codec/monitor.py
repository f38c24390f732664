"""A run watched from outside: validation and TensorBoard, where they are wanted."""

from __future__ import annotations

from pathlib import Path

from nac_cli.train.codec.trainer import Trainer

BOARD_EVERY = 20
"""Steps from one point of TensorBoard's curves to the next."""


class Monitor:
    """Measures the model on the recordings in the folder `validation`, and draws curves, sounds and pictures in the
    folder `board`; either may be None. Of parallel processes the first one draws. Raises UsageError if TensorBoard is
    wanted and not installed."""

    def __init__(self, trainer: Trainer, validation: Path | None, board: Path | None):
        self._validation = self._board = None
        if validation is not None:
            from nac_cli.train.codec.validation import Validation

            self._validation = Validation(validation)
        if board is not None and not trainer.processes.rank:
            from nac_cli.train.codec.board import Board

            self._board = Board(board)

    def losses(self, step: int, losses: dict[str, float]) -> None:
        """Draw the losses of every BOARD_EVERY-th step."""
        if self._board and step % BOARD_EVERY == 0:
            self._board.scalars(step, losses)

    def validate(self, trainer: Trainer) -> dict[str, float]:
        """Mean figures of the averaged model by measure, drawn as well; none without recordings to measure on."""
        if self._validation is None:
            return {}
        model = trainer.ema_model()
        figures = self._validation(model)
        if self._board:
            self._board.scalars(trainer.step, {f"valid/{name}": value for name, value in figures.items()})
            self._board.clips(trainer.step, self._validation.last, model.spec.sample_rate)
        return figures
