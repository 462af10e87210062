"""A chain of cinemas and its programme: eight tables, one of them between films and genres."""

from typing import Any

SEED = 42
DDL = """
CREATE TABLE cities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    inhabitants INTEGER NOT NULL
);
CREATE TABLE cinemas (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city_id INTEGER NOT NULL REFERENCES cities (id),
    opened_in INTEGER NOT NULL, -- year
    website TEXT,
    wheelchair_access INTEGER NOT NULL -- 1 for yes, 0 for no
);
CREATE TABLE halls (
    id INTEGER PRIMARY KEY,
    cinema_id INTEGER NOT NULL REFERENCES cinemas (id),
    name TEXT NOT NULL,
    seats INTEGER NOT NULL,
    screen_width REAL NOT NULL, -- metres
    projector TEXT NOT NULL -- laser, digital or 35mm
);
CREATE TABLE directors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    nationality TEXT NOT NULL,
    born_on TEXT -- date
);
CREATE TABLE films (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    director_id INTEGER NOT NULL REFERENCES directors (id),
    released_on TEXT NOT NULL, -- date
    minutes INTEGER NOT NULL,
    age_limit INTEGER NOT NULL, -- 0, 6, 12, 16 or 18
    language TEXT NOT NULL,
    budget REAL -- millions of dollars, empty where it is secret
);
CREATE TABLE genres (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE film_genres (
    film_id INTEGER NOT NULL REFERENCES films (id),
    genre_id INTEGER NOT NULL REFERENCES genres (id),
    PRIMARY KEY (film_id, genre_id)
);
CREATE TABLE screenings (
    id INTEGER PRIMARY KEY,
    film_id INTEGER NOT NULL REFERENCES films (id),
    hall_id INTEGER NOT NULL REFERENCES halls (id),
    starts_at TEXT NOT NULL, -- date and time
    ticket_price REAL NOT NULL,
    tickets_sold INTEGER, -- empty when it was cancelled
    subtitled INTEGER NOT NULL -- 1 for yes, 0 for no
);
"""

_CITIES = [
    ("Graz", "Austria", 292630), ("Innsbruck", "Austria", 131059), ("Lübeck", "Germany", 218095),
    ("Köln", "Germany", 1087353), ("Münster", "Germany", 322904), ("Zürich", "Switzerland", 447082),
    ("Aarhus", "Denmark", 290598), ("Bregenz", "Austria", 29534), ("Basel", "Switzerland", 177827),
]  # fmt: skip
_CINEMAS = [
    ("Apollo", 1, 1928, "apollo.example", 0), ("Rechbauer", 1, 1955, None, 1),
    ("Leokino", 2, 1971, "leokino.example", 1),
    ("Metropol", 2, 1936, "metropol.example", 0), ("Filmpalast Trave", 3, 1998, "trave.example", 1),
    ("Odeon", 4, 1956, None, 0), ("Rex am Ring", 4, 1931, "rex.example", 0),
    ("Lichtspiele Süd", 4, 2007, "sued.example", 1), ("Schlosstheater", 5, 1953, "schloss.example", 1),
    ("Cineplex Hafen", 5, 2011, "hafen.example", 1), ("Riffraff", 6, 1998, "riffraff.example", 1),
    ("Kosmos", 6, 2014, "kosmos.example", 1), ("Corso", 6, 1934, None, 0), ("Øst for Paradis", 7, 1978, None, 1),
    ("Stadtkino", 9, 1985, "stadtkino.example", 1),
]  # fmt: skip
_HALLS = ["Big Hall", "Blue Hall", "Red Hall", "Studio", "Attic", "Garden Room"]
_DIRECTORS = [
    ("Ingrid Aalto", "Finnish", "1961-05-14"), ("Bruno Castellani", "Italian", "1948-11-02"),
    ("Chloé Marchand", "French", "1979-07-23"), ("Sean O'Malley", "Irish", "1970-01-30"),
    ("Yuki Tanabe", "Japanese", "1984-09-09"), ("Jörg Brüning", "German", "1966-03-18"),
    ("Anita Kapoor", "Indian", "1975-12-12"), ("Lars Winther", "Danish", "1957-08-05"),
    ("Mercedes Ríos", "Spanish", "1981-04-27"), ("Dorota Zielińska", "Polish", None),
    ("Henry Whitlock", "British", "1952-10-21"), ("Amélie Fournier", "French", "1988-02-08"),
    ("Käthe Rösler", "German", "1990-06-16"), ("Tomás Herrera", "Spanish", None),
    ("Grace Okafor", "British", "1977-03-03"), ("Pia Sandberg", "Danish", "1969-09-25"),
    ("Ricardo Neves", "Portuguese", "1963-07-11"), ("Emil Hartwig", "German", "1944-12-29"),
]  # fmt: skip
_TITLES = [
    "The Last Lighthouse", "Nachtzug nach Süden", "Winter's Orchard", "Paper Lanterns", "The Clockmaker's Daughter",
    "Über den Dächern", "Salt and Smoke", "La Petite Horloge", "Harbour Lights", "The Quiet Mile", "Seven Bridges",
    "Der grüne Koffer", "Moonlight Express", "Iron Garden", "A Dog Called Tuesday", "Cold Water",
    "The Beekeeper's Secret", "El Puente Roto", "Midnight in Aarhus", "The Glass Mountain", "Fräulein Kessler",
    "Storm over Skagen", "Kites", "Don't Wake the Baker", "The Long Summer", "Ein Sommer in Graz", "Shadow Protocol",
    "Red Umbrella", "The Night Porter's Song", "Tin Soldiers", "Les Voisins", "Signal Lost", "The Postman's Bicycle",
    "Echoes of Lisbon", "Wolf Valley", "Zero Hour Zürich", "Pumpkin Parade", "The Tailor of Turin", "Snow Leopard",
    "Onkel Emils Erbe", "Broken Compass", "Sunday Dancers", "Deep Blue Static", "The Ninth Floor", "Cherry Season",
    "Robots Don't Cry", "Die stille Post", "Copper Sky", "The Lost Caravan", "Yesterday's Bread",
]  # fmt: skip
_GENRES = ["Drama", "Comedy", "Thriller", "Animation", "Documentary", "Romance", "Science Fiction", "Horror", "Family"]
_LANGUAGES = [("English", 9), ("German", 6), ("French", 4), ("Spanish", 3), ("Danish", 2), ("Japanese", 1)]


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    halls: list[tuple[Any, ...]] = []
    for cinema_id in range(1, len(_CINEMAS) + 1):
        for name in _HALLS[: dice.between(1, 4)] + ([_HALLS[4 + cinema_id % 2]] if cinema_id % 3 == 0 else []):
            seats = dice.between(34, 130) if name in _HALLS[3:] else dice.between(90, 480)
            projector = dice.weighted([("digital", 6), ("laser", 3), ("35mm", 2)])
            halls.append((len(halls) + 1, cinema_id, name, seats, round(4 + seats / 32, 1), projector))
    films, film_genres = [], []
    for film_id, title in enumerate(_TITLES, 1):
        director_id = 1 + min(dice.below(16), dice.below(20))
        budget = None if dice.chance(14) else dice.between(3, 1400) / 10
        age = dice.weighted([(0, 2), (6, 3), (12, 6), (16, 4), (18, 1)])
        released_on = dice.day("2016-02-01", "2025-03-31")
        language = dice.weighted(_LANGUAGES)
        films.append((film_id, title, director_id, released_on, dice.between(74, 178), age, language, budget))
        film_genres += [(film_id, genre) for genre in sorted({1 + dice.below(9) for _ in range(dice.between(1, 3))})]
    screenings = []
    for screening_id in range(1, 1501):
        film_id = 1 + min(dice.below(48), dice.below(70))
        hall = halls[dice.below(len(halls))]
        hour = dice.weighted([(11, 1), (14, 3), (17, 5), (20, 8), (22, 3)])
        first = max("2023-01-05", films[film_id - 1][3])
        starts_at = f"{dice.day(first, '2025-06-29')} {hour}:{dice.pick(['00', '15', '30', '45'])}"
        price = dice.weighted([(7.5, 3), (9.0, 4), (10.5, 5), (12.0, 4), (14.5, 2)])
        sold = None if dice.chance(5) else dice.between(2, hall[3])
        screenings.append((screening_id, film_id, hall[0], starts_at, price, sold, int(dice.chance(30))))
    return {
        "cities": [(i, *city) for i, city in enumerate(_CITIES, 1)],
        "cinemas": [(i, *cinema) for i, cinema in enumerate(_CINEMAS, 1)],
        "halls": halls,
        "directors": [(i, *director) for i, director in enumerate(_DIRECTORS, 1)],
        "films": films,
        "genres": list(enumerate(_GENRES, 1)),
        "film_genres": film_genres,
        "screenings": screenings,
    }
