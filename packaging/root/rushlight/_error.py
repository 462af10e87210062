"""The one exception that is meant for people; every other exception is a bug."""


class Error(Exception):
    """Something the user can understand and act on.

    `message` says what was expected, what was found and where; `hint` says what to do. `kind` is a short stable
    word for programs (the `--json` output, the server's error code, tests). Front ends print message and hint on
    two lines and exit with 1.

        raise Error("Cannot open mistral.gguf: it needs 9.1 GiB, 5.8 GiB are free.",
                    hint="Choose a smaller quantization or lower the context length.", kind="out-of-memory")
    """

    def __init__(self, message: str, hint: str = "", *, kind: str = "error") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.message, self.hint, self.kind))


def _rebuild(message: str, hint: str, kind: str) -> Error:
    return Error(message, hint, kind=kind)
