"""Words of a question that let rare forms stand in its grammar: a small model would take any form that it may.

Knows words; reads no question.
"""

from rushlight.assistant.sql.cues import MONTHS

SHARE_WORDS = ("share", "percent", "percentage", "ratio", "proportion", "rate", "%")
SPAN_WORDS = (
    "days",
    "long",
    "longest",
    "duration",
    "between",
    "nights",
    "late",
    "delay",
    "before",
    "after",
    "time",
    "last",
)
RANK_WORDS = ("rank", "ranking", "place", "position")
RUNNING_WORDS = ("running", "cumulative", "accumulated")
MONTH_WORDS = tuple(name for names in MONTHS for name in names)
_NUMBER_WORDS = ("two", "three", "four", "five", "ten")
LIMIT_WORDS = (
    *("first", "last", "next", "top", "most", "least", "best", "worst", "bestseller", "favourite", "favorite"),
    *("only", "which"),
    *_NUMBER_WORDS,
)
AVERAGE_WORDS = ("average", "mean", "usually", "typically", "typical", "usual")
SAME_WORDS = (
    "same",
    "own",
    "different",
    "differ",
    "differs",
    "other",
    "another",
    "equal",
    "equals",
    "match",
    "matches",
)
BEFORE_WORDS = ("before", "previous", "change", "growth")
HOUR_WORDS = (
    *("hour", "clock", "am", "pm", "noon", "midday", "midnight"),
    *("morning", "afternoon", "evening", "night"),
)
FULL_HOURS = frozenset(("00", "15", "30", "45"))  # 20:30 is the words 20 and 30
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK_WORDS = (*_WEEKDAYS, "weekday", "weekend", "week")
DAY_WORDS = ("day", "daily", "date")
# Where a question has none of these, its grammar holds the usual forms alone.
RARE_WORDS: frozenset[str] = frozenset().union(
    SHARE_WORDS, SPAN_WORDS, RANK_WORDS, RUNNING_WORDS, LIMIT_WORDS, BEFORE_WORDS,
    HOUR_WORDS, FULL_HOURS, WEEK_WORDS, DAY_WORDS, AVERAGE_WORDS, SAME_WORDS,
)  # fmt: skip
