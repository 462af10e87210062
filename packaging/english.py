"""Makes the list of English words that no abbreviation is (assistant/learn/database/english.txt): those of four letters
and more that stand in two of the questions written by hand, beside the nouns of WordNet's table; those of three in six.

    python packaging/english.py

Run by hand where questions were added; what it makes is committed.
"""

import re
from collections import Counter
from pathlib import Path

LEARN = Path(__file__).resolve().parent.parent / "assistant" / "learn"
OUT = LEARN / "database" / "english.txt"
LEAST_QUESTIONS = {3: 6, 4: 2}  # of so many letters; of more as of four


def main() -> None:
    nouns = {line.partition("\t")[0] for line in (LEARN / "database" / "synonyms.tsv").read_text().splitlines()}
    found: Counter[str] = Counter()
    for path in sorted((LEARN / "practice" / "asked").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            question = re.sub(r"\{[^}]*\}", " ", line.partition("\t")[0])
            found.update(set(re.findall(r"(?<![\w'’-])[a-z]+(?![\w'’-])", question)))
    words = sorted(word for word, n in found.items()
                   if len(word) > 2 and n >= LEAST_QUESTIONS[min(len(word), 4)] and set(word) & set("aeiouy")
                   and (len(word) == 3 or word not in nouns))  # fmt: skip
    OUT.write_text("\n".join(words) + "\n")
    print(f"{len(words)} words")


if __name__ == "__main__":
    main()
