"""What the disk refused while chats were imported or exported, as an error for people."""

import errno

from rushlight import Error


def disk_failure(failure: OSError, what: str, hint: str) -> Error:
    """`what` could not be done for this reason; a full disk has a kind of its own."""
    full = failure.errno in (errno.ENOSPC, errno.EDQUOT)
    return Error(
        f"{what}: {failure.strerror or failure}.",
        hint="Free some space and try again." if full else hint,
        kind="disk-full" if full else "file-error",
    )
