"""Makes the list of English words that no abbreviation is (assistant/learn/database/english.txt): those of four letters
and more that stand in two of the questions written by hand, beside the nouns of WordNet's table.

    python packaging/english.py

Run by hand where questions were added; what it makes is committed.
"""

import re
from collections import Counter
from pathlib import Path

LEARN = Path(__file__).resolve().parent.parent / "assistant" / "learn"
OUT = LEARN / "database" / "english.txt"
LEAST_LETTERS, LEAST_QUESTIONS = 4, 2


def main() -> None:
    nouns = {line.partition("\t")[0] for line in (LEARN / "database" / "synonyms.tsv").read_text().splitlines()}
    found: Counter[str] = Counter()
    for path in sorted((LEARN / "practice" / "asked").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            question = re.sub(r"\{[^}]*\}", " ", line.partition("\t")[0])
            found.update(set(re.findall(r"(?<![\w'’-])[a-z]+(?![\w'’-])", question)))
    words = sorted(word for word, n in found.items()
                   if n >= LEAST_QUESTIONS and len(word) >= LEAST_LETTERS and set(word) & set("aeiouy")
                   and word not in nouns)  # fmt: skip
    OUT.write_text("\n".join(words) + "\n")
    print(f"{len(words)} words")


if __name__ == "__main__":
    main()
