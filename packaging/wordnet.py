"""Makes the table of synonyms that ships (assistant/learn/database/synonyms.tsv) out of WordNet 3.0's files.

    python packaging/wordnet.py FOLDER      FOLDER as in Debian's package wordnet-base: /usr/share/wordnet

Nouns that stood in WordNet's tagged texts, what kind of thing they name (person, location, ...), and the other words of
their most frequent meanings. Run by hand; what it makes is committed, so that a lesson is the same on every machine.
"""

import sys
from collections import defaultdict
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "assistant" / "learn" / "database" / "synonyms.tsv"
CLASSES = {"15": "location", "18": "person", "21": "possession", "28": "time", "14": "group", "04": "act"}
MOST_SENSES = 2
LEAST_SHARE = 0.25  # of a word's uses that a meaning must have, to count
LEAST_USES = 2


def uses(folder: Path) -> dict[tuple[str, int], int]:
    """(noun, number of its meaning) -> how often it stood in the tagged texts."""
    found = {}
    for line in (folder / "cntlist.rev").read_text(encoding="latin-1").splitlines():
        key, sense, count = line.split()
        lemma, _, rest = key.partition("%")
        if rest[0] == "1":
            found[lemma, int(sense)] = int(count)
    return found


def rows(folder: Path, counts: dict[tuple[str, int], int]) -> list[tuple[str, str, list[str]]]:
    """(noun, kind of thing, other words)"""
    words_at: dict[str, list[str]] = {}
    class_at: dict[str, str] = {}
    for line in (folder / "data.noun").read_text(encoding="latin-1").splitlines():
        if not line.startswith("  "):
            parts = line.split()
            class_at[parts[0]] = CLASSES.get(parts[1], "")
            words_at[parts[0]] = [parts[4 + 2 * i].partition("(")[0] for i in range(int(parts[3], 16))]
    total: dict[str, int] = defaultdict(int)
    for (lemma, _), count in counts.items():
        total[lemma] += count
    made = []
    for line in (folder / "index.noun").read_text(encoding="latin-1").splitlines():
        if line.startswith("  "):
            continue
        parts = line.split()
        lemma, n_senses = parts[0], int(parts[2])
        if not total.get(lemma) or not plain(lemma):
            continue
        found: list[str] = []
        for sense, offset in enumerate(parts[-n_senses:][:MOST_SENSES], 1):
            count = counts.get((lemma, sense), 0)
            if sense > 1 and (count < LEAST_USES or count / total[lemma] < LEAST_SHARE):
                continue
            found += [word for word in words_at[offset] if word.islower() and word != lemma and plain(word)
                      and (total.get(word) or total.get(word.rpartition("_")[2])) and word not in found]  # fmt: skip
        kind = class_at[parts[-n_senses]]
        if found or kind or (lemma.isalpha() and 4 <= len(lemma) <= 8):  # words that abbreviations might be taken for
            made.append((lemma.replace("_", " "), kind, [word.replace("_", " ") for word in found[:6]]))
    return made


def plain(word: str) -> bool:
    return word.replace("_", "").replace("-", "").isalpha() and word.count("_") <= 1 and len(word) > 2


def main() -> None:
    folder = Path(sys.argv[1])
    counts = uses(folder)
    made = sorted(rows(folder, counts))
    OUT.write_text("".join(f"{word}\t{kind}\t{', '.join(others)}\n" for word, kind, others in made))
    print(f"{OUT}: {len(made):,} words, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
