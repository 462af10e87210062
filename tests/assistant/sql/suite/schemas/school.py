"""A school's courses, exams and absences: nine tables."""

from typing import Any

SEED = 9
DDL = """
CREATE TABLE teacher (
    teacher_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    hired_on TEXT NOT NULL, -- date
    part_time INTEGER NOT NULL -- 1 for yes
);
CREATE TABLE subject (
    subject_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    department TEXT NOT NULL -- languages, sciences, arts or society
);
CREATE TABLE form_group (
    group_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL, -- such as 7a
    grade_level INTEGER NOT NULL,
    tutor_id INTEGER REFERENCES teacher (teacher_id) -- empty if nobody was found yet
);
CREATE TABLE pupil (
    pupil_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    group_id INTEGER NOT NULL REFERENCES form_group (group_id),
    lunch TEXT -- meat, vegetarian or vegan; empty for those who go home
);
CREATE TABLE course (
    course_id INTEGER PRIMARY KEY,
    subject_id INTEGER NOT NULL REFERENCES subject (subject_id),
    teacher_id INTEGER NOT NULL REFERENCES teacher (teacher_id),
    group_id INTEGER NOT NULL REFERENCES form_group (group_id),
    weekly_hours INTEGER NOT NULL
);
CREATE TABLE exam (
    exam_id INTEGER PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES course (course_id),
    held_on TEXT NOT NULL, -- date
    max_points INTEGER NOT NULL
);
CREATE TABLE result (
    exam_id INTEGER NOT NULL REFERENCES exam (exam_id),
    pupil_id INTEGER NOT NULL REFERENCES pupil (pupil_id),
    points REAL, -- empty for pupils who missed it
    PRIMARY KEY (exam_id, pupil_id)
);
CREATE TABLE absence (
    absence_id INTEGER PRIMARY KEY,
    pupil_id INTEGER NOT NULL REFERENCES pupil (pupil_id),
    day TEXT NOT NULL, -- date
    periods INTEGER NOT NULL, -- lessons missed
    excused INTEGER NOT NULL, -- 1 for yes
    reason TEXT -- illness, family or other; empty if not told
);
CREATE TABLE activity (
    activity_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    teacher_id INTEGER NOT NULL REFERENCES teacher (teacher_id),
    weekday TEXT NOT NULL,
    fee_eur REAL -- a year, empty for free ones
);
"""

_SUBJECTS = [
    ("English", "languages"), ("French", "languages"), ("Latin", "languages"), ("Mathematics", "sciences"),
    ("Physics", "sciences"), ("Biology", "sciences"), ("Chemistry", "sciences"), ("Music", "arts"), ("Drawing", "arts"),
    ("History", "society"), ("Geography", "society"), ("Philosophy", "society"),
]  # fmt: skip
_ACTIVITIES = [
    ("Choir", "Monday", None), ("Chess", "Tuesday", 20.0), ("Robotics", "Thursday", 65.0),
    ("Theatre", "Wednesday", 40.0),
    ("Rowing", "Friday", 120.0), ("Garden", "Tuesday", None), ("Newspaper", "Thursday", None),
    ("Pottery", "Monday", 55.0),
]  # fmt: skip


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(140)
    teachers = [(i, names[i - 1], dice.day("1995-08-01", "2023-02-01"), int(dice.chance(30))) for i in range(1, 19)]
    groups = [
        (i, f"{level}{letter}", level, None if i in (4, 7) else dice.between(1, 16))
        for i, (level, letter) in enumerate([(level, letter) for level in (5, 6, 7, 8, 9) for letter in "ab"], 1)
    ]
    pupils = []
    for i in range(1, 113):
        group = groups[min(dice.below(10), dice.below(12))]
        year = 2024 - group[2] - 6
        lunch = dice.weighted([("meat", 4), ("vegetarian", 3), ("vegan", 1), (None, 3)])
        pupils.append((i, names[17 + i], dice.day(f"{year}-01-01", f"{year}-12-31"), group[0], lunch))
    courses: list[tuple[Any, ...]] = []
    exams: list[tuple[Any, ...]] = []
    results: list[tuple[Any, ...]] = []
    for group in groups:
        for subject in range(1, 13):
            if dice.chance(55):
                courses.append(
                    (len(courses) + 1, subject, 1 + min(dice.below(17), dice.below(17)), group[0], dice.between(1, 5))
                )
    for course in courses:
        for _ in range(dice.below(4)):
            exams.append(
                (len(exams) + 1, course[0], dice.day("2024-09-09", "2025-05-30"), dice.pick([40, 50, 60, 100]))
            )
            for pupil in pupils:
                if pupil[3] == course[3]:
                    points = None if dice.chance(7) else exams[-1][3] * dice.between(50, 200) // 2 / 100
                    results.append((len(exams), pupil[0], points))
    absences = [
        (i, 1 + min(dice.below(105), dice.below(105)), dice.day("2024-09-02", "2025-05-30"), dice.between(1, 7),
         int(dice.chance(80)), dice.weighted([("illness", 5), ("family", 2), ("other", 1), (None, 2)]))
        for i in range(1, 381)
    ]  # fmt: skip
    return {
        "teacher": teachers,
        "subject": [(i, *one) for i, one in enumerate(_SUBJECTS, 1)],
        "form_group": groups,
        "pupil": pupils,
        "course": courses,
        "exam": exams,
        "result": results,
        "absence": absences,
        "activity": [(i, name, dice.between(1, 18), day, fee) for i, (name, day, fee) in enumerate(_ACTIVITIES, 1)],
    }
