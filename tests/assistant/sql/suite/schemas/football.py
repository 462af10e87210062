"""Two seasons of a football league: six tables."""

from typing import Any

SEED = 5
DDL = """
CREATE TABLE club (
    club_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    founded INTEGER NOT NULL -- year
);
CREATE TABLE stadium (
    stadium_id INTEGER PRIMARY KEY,
    club_id INTEGER NOT NULL REFERENCES club (club_id),
    name TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    roofed INTEGER NOT NULL -- 1 where all seats have a roof
);
CREATE TABLE player (
    player_id INTEGER PRIMARY KEY,
    club_id INTEGER REFERENCES club (club_id), -- empty for players without a club
    name TEXT NOT NULL,
    position TEXT NOT NULL, -- goalkeeper, defender, midfielder or forward
    birth_date TEXT NOT NULL,
    value_meur REAL -- market value in millions of euros, empty if unknown
);
CREATE TABLE game (
    game_id INTEGER PRIMARY KEY,
    played_on TEXT NOT NULL, -- date
    season TEXT NOT NULL, -- 2023/24 or 2024/25
    home_club_id INTEGER NOT NULL REFERENCES club (club_id),
    away_club_id INTEGER NOT NULL REFERENCES club (club_id),
    home_goals INTEGER NOT NULL,
    away_goals INTEGER NOT NULL,
    attendance INTEGER -- empty for games without spectators
);
CREATE TABLE goal (
    goal_id INTEGER PRIMARY KEY,
    game_id INTEGER NOT NULL REFERENCES game (game_id),
    player_id INTEGER NOT NULL REFERENCES player (player_id),
    minute INTEGER NOT NULL,
    kind TEXT NOT NULL -- open play, header, penalty or free kick
);
CREATE TABLE card (
    card_id INTEGER PRIMARY KEY,
    game_id INTEGER NOT NULL REFERENCES game (game_id),
    player_id INTEGER NOT NULL REFERENCES player (player_id),
    minute INTEGER NOT NULL,
    color TEXT NOT NULL -- yellow or red
);
"""

_CLUBS = [
    ("Harbour United", "Bremen", 1899), ("Rovers Kassel", "Kassel", 1921), ("Erfurt Athletic", "Erfurt", 1904),
    ("Union Graz", "Graz", 1932), ("Basel Wanderers", "Basel", 1911), ("Leuven City", "Leuven", 1947),
    ("North Star", "Bremen", 1963), ("Alpine FC", "Graz", 1908), ("Rhine Rangers", "Basel", 1978),
    ("Castle Town", "Erfurt", 1925),
]  # fmt: skip
_STADIUMS = ("Harbour Park", "Fox Hill", "Gera Ground", "Mur Arena", "Rhine Field", "Abbey Road End", "Star Dome",
             "Summit", "Bridge Side", "Castle Green")  # fmt: skip


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(190)
    positions = ("goalkeeper", "defender", "defender", "midfielder", "midfielder", "forward")
    players: list[tuple[Any, ...]] = []
    for i in range(1, 191):
        club = None if i > 180 else (i - 1) // 18 + 1
        value = None if dice.chance(12) else dice.between(2, 380) / 10
        players.append((i, club, names[i - 1], positions[i % 6], dice.day("1988-01-01", "2006-12-31"), value))
    squads = {club: [p for p in players if p[1] == club] for club in range(1, 11)}
    games: list[tuple[Any, ...]] = []
    goals: list[tuple[Any, ...]] = []
    cards: list[tuple[Any, ...]] = []
    stadiums = [
        (i, i, name, dice.between(61, 540) * 100 + dice.below(90), i % 3 // 2) for i, name in enumerate(_STADIUMS, 1)
    ]
    for season, first, last in (("2023/24", "2023-08-05", "2024-05-25"), ("2024/25", "2024-08-03", "2025-05-24")):
        for home in range(1, 11):
            for away in range(1, 11):
                if home == away or (season == "2024/25" and dice.chance(12)):
                    continue
                scored = [min(dice.below(5), dice.below(6)), min(dice.below(4), dice.below(6))]
                crowd = None if dice.chance(5) else stadiums[home - 1][3] * dice.between(35, 99) // 100
                games.append((len(games) + 1, dice.day(first, last), season, home, away, *scored, crowd))
                for club, n in ((home, scored[0]), (away, scored[1])):
                    for _ in range(n):
                        scorer = (
                            dice.pick([p for p in squads[club] if p[3] in ("forward", "midfielder")])
                            if dice.chance(85)
                            else dice.pick(squads[club])
                        )
                        kind = dice.weighted([("open play", 6), ("header", 2), ("penalty", 1), ("free kick", 1)])
                        goals.append((len(goals) + 1, len(games), scorer[0], dice.between(1, 90), kind))
                for _ in range(dice.below(5)):
                    booked = dice.pick(squads[dice.pick([home, away])])
                    color = "red" if dice.chance(9) else "yellow"
                    cards.append((len(cards) + 1, len(games), booked[0], dice.between(4, 90), color))
    clubs = [(i, *club) for i, club in enumerate(_CLUBS, 1)]
    return {"club": clubs, "stadium": stadiums, "player": players, "game": games, "goal": goals, "card": cards}
