"""Names of tables and columns as English words: ItmQty is item quantity, fee_eur is a fee in euros.

Knows abbreviations that are common in databases and how English makes plurals; knows no database.
"""

import re
from typing import Final

from rushlight.assistant.learn.database.abbreviations import expanded
from rushlight.assistant.learn.database.synonyms import is_known

_LOW = r"(?:(?![A-ZÀ-ÖØ-Þ])[^\W\d_])"
_PART: Final = re.compile(rf"[A-ZÀ-ÖØ-Þ]+(?!{_LOW})|[A-ZÀ-ÖØ-Þ]?{_LOW}+|\d+")
_SHORT_WORDS = """
 acct=account addr=address adr=address agg=aggregate amt=amount appt=appointment arr=arrival assn=association
 attr=attribute auth=author avg=average bal=balance bday=birthday bldg=building brnch=branch cat=category cd=code
 chg=charge cls=class cnt=count cntry=country comp=company cont=contact ctry=country curr=currency cust=customer
 cty=city dept=department dep=departure desc=description descr=description dest=destination disc=discount dist=distance
 dlv=delivery doc=document dob=birth dt=date dte=date dur=duration emp=employee equip=equipment est=estimate exp=expiry
 fn=first ln=last fname=first_name lname=last_name firstname=first_name lastname=last_name freq=frequency frm=from
 gen=gender grp=group hrs=hours img=image inc=income ind=industry info=information inv=invoice
 inst=institution itm=item lang=language lat=latitude len=length lng=longitude loc=location lon=longitude lvl=level
 maint=maintenance mat=material max=maximum mbr=member mfr=manufacturer mgr=manager min=minimum misc=miscellaneous
 mob=mobile mon=month msg=message mth=month nam=name nat=nationality nbr=number nm=name no=number nr=number
 num=number occ=occupation op=operation ord=order org=organization orig=origin pat=patient pax=passengers pct=percent
 perc=percent ph=phone phys=physician pkg=package pmt=payment pop=population pos=position
 prc=price pref=preference prev=previous proc=procedure prod=product proj=project prov=province
 pub=publisher pwr=power pymt=payment qty=quantity rcpt=receipt rec=record recv=received ref=reference reg=region
 rel=release rep=representative req=request res=reservation ret=return rev=revenue sal=salary sched=schedule
 sec=section seq=sequence ser=serial sess=session shp=ship sig=signature spec=specialty sqm=area_m2 st=status
 stat=status stmt=statement stn=station str=street strt=start subj=subject subs=subscription sup=supplier supp=supplier
 svc=service sz=size tel=phone temp=temperature tm=time tot=total trans=transaction trn=transaction txn=transaction
 typ=type uom=unit upd=update usr=user val=value veh=vehicle vend=vendor vol=volume wgt=weight whse=warehouse wt=weight
 yr=year zip=zip flg=flag ind=indicator hdr=header mst=master mstr=master dtl=detail ttl=title flt=flight rte=route
 fac=facility carr=carrier wh=warehouse mth=month pub=publisher expr=expiry cov=coverage hol=holiday lic=license
"""
SHORT: Final = dict(pair.split("=") for pair in _SHORT_WORDS.split())
_NEVER_IN_FRONT = {"tbl", "table", "tab", "dim", "fact", "vw", "t", "tb", "dbo"}
_CODED: Final = ("dt", "no", "nr", "nbr", "cd", "nm", "amt", "flg", "typ", "cnt", "txt", "desc", "qty", "yr", "id")
_TABLE_ENDS: Final = {"master", "header", "table", "data", "record", "records", "list", "info", "information", "file"}
# What a column's name ends with beside what it is called; by what the column holds.
_TYPE_ENDS: Final = {
    "flag": {"flag", "indicator", "ind", "yn"}, "money": {"amount", "value", "total"}, "number": {"value", "number"},
    "group": {"code", "name", "description", "text", "value"}, "text": {"name", "description", "text"},
    "name": {"name"},
}  # fmt: skip
_NAME_PARTS: Final = {"first", "last", "middle", "given", "family", "full", "user", "file", "short", "long", "nick"}
UNITS: Final = {
    "eur": "euros", "euro": "euros", "euros": "euros", "usd": "dollars", "gbp": "pounds", "chf": "francs",
    "kg": "kg", "g": "grams", "t": "tons", "km": "km", "m": "meters", "cm": "cm", "mm": "mm", "ml": "ml", "mg": "mg",
    "l": "liters",
    "min": "minutes", "mins": "minutes", "minutes": "minutes", "sec": "seconds", "secs": "seconds", "h": "hours",
    "hours": "hours", "days": "days", "m2": "square meters", "sqm": "square meters", "ha": "hectares", "kw": "kW",
    "kwh": "kWh", "mb": "MB",
    "meur": "million euros", "musd": "million dollars", "kcal": "kcal", "nmi": "nautical miles",
    "pct": "percent", "percent": "percent", "c": "degrees", "kmh": "km/h",
}  # fmt: skip
_LASTS: Final = {"duration", "delay", "time", "length", "wait", "runtime", "playtime", "distance", "travel", "lead",
                 "warmup", "break", "overtime", "range", "preparation", "prep", "cook", "baking"}  # fmt: skip
_HOW_OFTEN: Final = {"weekly", "daily", "monthly", "yearly", "annual", "working", "opening", "credit", "contact"}
_ODD_PLURALS = {
    "person": "people", "child": "children", "man": "men", "woman": "women", "foot": "feet", "goose": "geese",
    "mouse": "mice", "criterion": "criteria", "datum": "data", "medium": "media", "analysis": "analyses",
    "aircraft": "aircraft", "sheep": "sheep", "series": "series", "species": "species", "staff": "staff",
    "equipment": "equipment", "stock": "stock", "inventory": "inventory", "personnel": "personnel", "fish": "fish",
}  # fmt: skip
_NO_ARTICLE: Final = {"equipment", "staff", "stock", "inventory", "personnel", "pay", "attendance", "parking", "access"}
_ODD_SINGULARS = {plural: word for word, plural in _ODD_PLURALS.items()}
_CODES_AS_SUCH: Final = {"post", "postal", "zip", "area", "dial", "dress"}
_BUSES: Final = re.compile(r"(?<![oaf])(?<!exc)(?<!^)uses$")
_DONE: Final = {"sold", "paid", "sent", "lent", "won", "lost", "held", "made", "taken", "given", "bought", "worked",
                "scored", "used", "ordered", "played", "driven", "flown", "read", "left"}  # fmt: skip
_KEEP_S = ("ss", "us", "is", "as")


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case, with abbreviations written out."""
    parts = _PART.findall(name)
    if len(parts) == 1 and len(name) > 4:
        parts = _glued(parts[0])
    found: list[str] = []
    for part in parts:
        if found and part.lower() in ("min", "nm") and _LASTS & set(found):  # minutes; least or name of other things
            found.append("minutes" if part.lower() == "min" else "nmi")
            continue
        if found and found[-1].isdigit() and len(part) == 1 and part.isalpha():  # 3D
            found[-1] += part.lower()
            continue
        said = (SHORT.get(part.lower()) or (part.lower() if part.lower() in UNITS else expanded(part))).split("_")
        found += said[1:] if found and found[-1] == said[0] else said  # area_sqm has one area
    if len(found) > 1 and found[0] in _NEVER_IN_FRONT:
        found = found[1:]
    return found or [name.lower()]


def is_short(name: str) -> bool:
    """Whether parts of it are abbreviations: people hardly call it so."""
    words, parts = without_unit(words_of(name))[0], [part.lower() for part in _PART.findall(name)]
    return words != parts[: len(words)]


def _glued(part: str) -> list[str]:
    """custno as cust and no: where both halves are abbreviations, or the first is longer and the second ends names."""
    low = part.lower()
    if low in SHORT or expanded(low) != low or is_known(singular_of(low)):  # genres are no gen and res
        return [part]
    for at in range(2, len(low) - 1):
        if low[:at] in SHORT and low[at:] in SHORT:
            return [low[:at], low[at:]]
    for end in ("date", "name", "number", "code", "type", "status", "price", "count", "id"):
        if low.endswith(end) and len(low) > len(end) + 2 and low[: -len(end)] in SHORT:
            return [low[: -len(end)], end]
    for end in _CODED:
        head = low.removesuffix(end)
        if head != low and len(head) > 2 and (head in SHORT or expanded(head) != head):
            return [head, end]
    return [part]


def table_words_of(name: str) -> list[str]:
    """The words of a table's name, without those that say that it is one: CUST_MST holds customers."""
    words = words_of(name)
    while len(words) > 1 and words[-1] in _TABLE_ENDS:
        words = words[:-1]
    return words


def plain_words(words: list[str], sort: str) -> list[str]:
    """What a column is called without the letters that code its type: CTY_NM is a city, BED_CNT are beds."""
    if len(words) < 2:
        return words
    rest, last = words[:-1], words[-1]
    if last == "count" and sort in ("number", "count"):
        return [*rest[:-1], plural_of(rest[-1])]
    if last == "code" and rest[-1] in _CODES_AS_SUCH:
        return words
    if last in _TYPE_ENDS.get(sort, ()) and not (last == "name" and rest[-1] in _NAME_PARTS):
        return rest
    return words


def without_unit(words: list[str]) -> tuple[list[str], str]:
    """The words without the unit at their end: fee, euros; duration, minutes."""
    if len(words) > 2 and words[-2:] in (["per", "hour"], ["per", "night"], ["per", "day"]):
        return words, ""
    if len(words) > 1 and words[-1].isdigit() and words[-2] == "m":
        return words[:-2], "square meters"
    if len(words) > 2 and words[-2] == "per" and words[-1] in UNITS:
        return [*words[:-1], UNITS[words[-1]]], ""
    if len(words) > 1 and words[0] in _HOW_OFTEN and words[-1] in ("hours", "minutes", "days"):
        return words, ""
    if len(words) > 1 and words[-1] in UNITS:
        rest = words[:-1]
        return (rest[:-1] if len(rest) > 1 and rest[-1] == "in" else rest), UNITS[words[-1]]
    return words, ""


def plural_of(word: str) -> str:
    """The plural of the last word of a phrase, of the one before "of": types of room."""
    head, of, tail = word.partition(" of ")
    if of and head:
        return f"{plural_of(head)} of {tail}"
    before, _, last = word.rpartition(" ")
    if before and (last.endswith("ed") or last in _DONE):  # amounts used, tickets sold
        return f"{plural_of(before)} {last}"
    if last in _ODD_PLURALS:
        made = _ODD_PLURALS[last]
    elif last.endswith("sis"):
        made = last[:-2] + "es"
    elif last.endswith("s") and singular_of(last) != last:  # stars, days: several already
        made = last
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        made = last + "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        made = last[:-1] + "ies"
    else:
        made = last + "s"
    return f"{before} {made}".strip()


def singular_of(word: str) -> str:
    """The singular of the last word of a phrase, of the one before "of"."""
    head, of, tail = word.partition(" of ")
    if of and head:
        return f"{singular_of(head)} of {tail}"
    before, _, last = word.rpartition(" ")
    if last in _ODD_SINGULARS:
        made = _ODD_SINGULARS[last]
    elif last.endswith(("yses", "oses", "eses")) and last not in ("roses", "noses", "doses", "hoses", "purposes"):
        made = last[:-2] + "is"
    elif last.endswith("ies") and len(last) > 4:
        made = last[:-3] + "y"
    elif last.endswith(("zes", "ches")) and is_known(last[:-1]):  # sizes, caches
        made = last[:-1]
    elif _BUSES.search(last) or last.endswith(("sses", "xes", "zes", "ches", "shes")):
        made = last[:-2]
    elif last.endswith("s") and len(last) > 3 and (not last.endswith(_KEEP_S) or _is_several(last)):
        made = last[:-1]
    else:
        made = last
    return f"{before} {made}".strip()


def _is_several(word: str) -> bool:
    """cinemas, menus and taxis; no gas, bus or basis."""
    if len(word) < 5 or word.endswith("ss") or is_known(word):
        return False
    return is_known(word[:-1]) or word.endswith("as")


def is_plural(phrase: str) -> bool:
    """Whether its last word means several: beds, points; not address."""
    before, _, last = phrase.rpartition(" ")
    if before and last in _DONE:
        return is_plural(before)
    return " of " not in phrase and (last in _ODD_SINGULARS or (last.endswith("s") and singular_of(last) != last))


def with_article(phrase: str) -> str:
    """a price, an address; several and what cannot be counted have none: beds, equipment."""
    if is_plural(phrase) or phrase.rpartition(" ")[2] in _NO_ARTICLE:
        return phrase
    return f"{'an' if phrase[:1].lower() in 'aeiou' and not phrase.startswith(('uni', 'eu', 'use')) else 'a'} {phrase}"
