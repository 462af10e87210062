"""Names of people, places and things for the rows of practice databases."""

from typing import Final

from rushlight.assistant.learn.database.chance import Chance

_FIRST_NAMES: Final = """
 Amara Anton Beatriz Bruno Chiara Clara Dario Delphine Edda Elias Farid Freya Gideon Hana Henrik Ines Isak Jolanda
 Julian Kamil Katrin Lars Leonie Magnus Marisol Mateo Nadia Nikolai Odette Orhan Petra Quentin Rafael Rosalie Samir
 Sigrid Tamara Theo Ulrike Valentin Vera Wanda Xaver Yara Yusuf Zora
"""
_LAST_NAMES: Final = """
 Abel Almeida Bakker Brandt Calder Contreras Dietrich Duarte Eklund Farkas Fontaine Gallo Greve Haas Horvat Ilves
 Jakobsen Kowal Kruse Laurent Lindgren Marek Moretti Nakamura Novak Okafor Ortega Palmer Petrov Quaas Ramos Richter Sato
 Schreiber Silva Tanaka Thorne Urban Varga Virtanen Wagner Winkler Yilmaz Zoller
"""
_PLACE_NAMES: Final = """
 Aldermoor Barrowdale Brightwater Castellane Dunmere Eastwick Fairhaven Glenrock Harrowgate Ironbridge Kestrel_Bay
 Lakemont Linden Marlow Millbrook Northcliff Oakridge Pinewood Quarry_Hill Ravensford Rosedale Saltmarsh Silverton
 Stonebridge Thornbury Underhill Valleyfield Westmere Willowbank Wynford Zellwood Ashford Birchdale Cedar_Point Elmstead
 Foxhollow Greenwell Highmoor Kingsport Larkfield
"""
_LIKE_WORDS: Final = """
 Amber Ancient Blue Bright Broken Copper Crimson Distant Early Emerald Endless Final Frozen Gentle Golden Hidden Hollow
 Iron Little Lost Midnight Northern Open Pale Quiet Red Rising Royal Sacred Second Silent Silver Southern Summer Velvet
 Wandering White Wild Winter Young
"""
_THING_WORDS: Final = """
 Anchor Arrow Bridge Candle Circle Cloud Compass Crown Dawn Echo Feather Field Flame Forest Garden Harbor Horizon Island
 Journey Lantern Letter Meadow Mirror Mountain Orchard Path Pearl River Shadow Shore Signal Song Spring Stone Storm Tide
 Tower Valley Voice Window
"""
_FIRST, _LAST, _PLACES, _LIKE, _THINGS = (
    tuple(one.replace("_", " ") for one in words.split())
    for words in (_FIRST_NAMES, _LAST_NAMES, _PLACE_NAMES, _LIKE_WORDS, _THING_WORDS)
)


def drawn_name(holds: str, chance: Chance) -> str:
    """A name of people, places or titles."""
    if holds == "people":
        return f"{chance.pick(_FIRST)} {chance.pick(_LAST)}"
    if holds == "places":
        return chance.pick(_PLACES)
    return f"{chance.pick(_LIKE)} {chance.pick(_THINGS)}"
