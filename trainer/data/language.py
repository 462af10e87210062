"""Writes into every record the language of its text, or keeps what is in some. The one file that knows py3langid.

py3langid (BSD, 139 languages, its model of 4.6 MB in the package) weighs sequences of bytes (Lui and Baldwin 2011). A
few words are often not enough for it: the second number says how sure it is.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.installing import pip_line
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.write import checked_out, writing

UNKNOWN = "und"  # ISO 639's code for what is not determined
_LOOKED_AT = 4000  # characters


def language_finder() -> tuple[Callable[[str], tuple[str, float]], frozenset[str]]:
    """What gives the language of a text and how sure that is, 0 to 1; and the codes there are."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ModuleNotFoundError:
        raise Error("Languages are found with the package py3langid.", pip_line("rushlight[train]"),
                    kind="missing-package") from None  # fmt: skip
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def find(text: str) -> tuple[str, float]:
        if not any(map(str.isalpha, text[:_LOOKED_AT])):
            return UNKNOWN, 0.0
        code, share = identifier.classify(text[:_LOOKED_AT])
        return str(code), round(float(share), 4)

    return find, frozenset(map(str, identifier.labels))


def mark_languages(
    paths: Sequence[Path], out: Path, field: str, keep: Sequence[str], least: float, watch: Watch
) -> dict[str, Any]:
    """Each record gets "language" and "language_share". With `keep` only those in one of its languages stay, as far as
    that is at least so sure; "und" stands for texts without letters."""
    checked_out(out)
    if not 0 <= least <= 1:
        raise Error(f"The least share is {least}, expected 0 to 1.", kind="bad-setting")
    find, known = language_finder()
    wrong = [code for code in keep if code not in known and code != UNKNOWN]
    if wrong:
        codes = ", ".join(sorted(known))
        raise Error(f"There is no language {wrong[0][:20]!r}.",
                    f"Codes are {codes}, and {UNKNOWN} for texts without letters.", kind="bad-setting")  # fmt: skip
    counts: Counter[str] = Counter()
    n_records = 0
    with writing(out) as writer:
        for record in each_record(paths, watch):
            n_records += 1
            code, share = find(record.text(field))
            counts[code] += 1
            if not keep or (code in keep and (share >= least or code == UNKNOWN)):
                writer.add(record.row | {"language": code, "language_share": share})
        n_written = writer.n_rows
    return {"path": str(out), "records": n_records, "written": n_written, "languages": dict(counts.most_common())}
