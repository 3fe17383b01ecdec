"""The one failure that the model store raises."""


class ModelError(Exception):
    """A model cannot be had or cannot be trusted.

    Args:
        message: What happened, in one sentence.
        hint: What the user should do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
