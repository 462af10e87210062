"""How well a short text answers to what is being typed: a number, so that the better answer comes first.

Knows two texts; knows nothing of what they stand for.
"""

import unicodedata

EXACT, PREFIX, WORD, INSIDE, WORDS, SCATTERED = 1000.0, 900.0, 800.0, 700.0, 600.0, 300.0
_MIN_SCATTERED = 2  # letters: one letter is in everything
_MAX_SCATTERED = 32
_MAX_SPREAD = 4  # letters that lie over more than so many times their number are no match
_LENGTH_WEIGHT = 0.25  # among equals the shorter one, which the query covers more of


def folded(text: str) -> str:
    """In small letters and without accents."""
    small = text.casefold()
    if small.isascii():
        return small
    return "".join(char for char in unicodedata.normalize("NFKD", small) if not unicodedata.combining(char))


class Matcher:
    """What is being typed, made ready to be compared with many texts.

    matcher = Matcher("new ch"); matcher.score(folded("New chat")) > matcher.score(folded("A new chair"))
    """

    def __init__(self, query: str) -> None:
        self.query = " ".join(folded(query).split())
        self._words = self.query.split()
        letters = self.query.replace(" ", "")
        self._letters = letters if _MIN_SCATTERED <= len(letters) <= _MAX_SCATTERED else ""

    def score(self, text: str) -> float:
        """0 = no match. `text` is `folded`."""
        found = self.whole(text)
        if found or not self._letters:
            return found
        span = _span(text, self._letters)
        if not 0 < span <= _MAX_SPREAD * len(self._letters):
            return 0.0
        # The closer together, the better.
        return max(1.0, SCATTERED * len(self._letters) / span - self._length(text))

    def whole(self, text: str) -> float:
        """As `score`, but letters that are scattered over the text are no match."""
        query = self.query
        if not query:
            return 0.0
        at = text.find(query)
        if at >= 0:
            if at == 0:
                base = EXACT if len(text) == len(query) else PREFIX
            else:
                base = WORD if _begins_word(text, query, at) else INSIDE
            return base - self._length(text)
        if len(self._words) > 1:
            found = [text.find(word) for word in self._words]
            if min(found) >= 0:
                begun = sum(place == 0 or not text[place - 1].isalnum() for place in found)
                return WORDS + 50.0 * begun / len(found) - self._length(text)
        return 0.0

    def _length(self, text: str) -> float:
        return min(40.0, _LENGTH_WEIGHT * (len(text) - len(self.query)))


def _begins_word(text: str, query: str, at: int) -> bool:
    while at >= 0:
        if at == 0 or not text[at - 1].isalnum():
            return True
        at = text.find(query, at + 1)
    return False


def _span(text: str, letters: str) -> int:
    """Over how many characters the letters lie, in their order; 0 where they do not. No backtracking: the first place
    where they end, then back to the last place where they begin before it."""
    find, at = text.find, -1
    for letter in letters:
        at = find(letter, at + 1)
        if at < 0:
            return 0
    end = begin = at + 1
    for letter in reversed(letters):
        begin = text.rfind(letter, 0, begin)
    return end - begin
