"""`rushlight data`: look at data for training, clean, score and redact them, find near-duplicates, split."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_table, say, size_text, tell
from rushlight.ui.cli.quant_jobs import absolute, run_job
from rushlight.ui.cli.quant_jobs import as_json as _AS_JSON
from rushlight.ui.cli.quant_jobs import background as _BACKGROUND
from rushlight.ui.cli.quant_jobs import threads as _THREADS
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight data inspect chats.jsonl
  $ rushlight data redact chats.jsonl
  chats.redacted.jsonl  1,204 records  31 changed
  $ rushlight data dedup chats.redacted.jsonl --threshold 0.7
  chats.redacted.dedup.jsonl  1,121 of 1,204 records stay
  $ rushlight data score chats.redacted.dedup.jsonl --good letters/
  chats.redacted.dedup.scored.jsonl  877 of 1,121 records keep all rules
    perplexity up to 128  640
    perplexity up to 256  398
    perplexity up to 4,096  83
  $ rushlight data split chats.redacted.dedup.jsonl --share 0.1 --out chats
  chats  1,009 to train on  112 held out
Data are JSONL, JSON, CSV, TSV, Parquet, text and HTML files, or folders of them.""")
_PATHS = click.argument(
    "paths", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, path_type=Path)
)
_FIELD = click.option("--field", default="", metavar="NAME", help=text("The field of the text; found if not given."))
_WORKERS = click.option(
    "--ray", "workers", type=click.IntRange(0), default=0, metavar="N",
    help=text("Share the work out among N workers of Ray, on the cluster that RAY_ADDRESS names or on this machine."),
)  # fmt: skip
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=text("Where to write: a new .jsonl or .parquet file."),
)


_MODEL = click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help=text("An n-gram model of good texts: a file that --keep-model made, or an ARPA file."),
)


def _absolute(path: Path | None) -> str:
    return "" if path is None else str(with_home(path).absolute())


def _alike(command: Callable[..., int]) -> Callable[..., int]:
    """The options of what counts as the same."""
    for option in (
        click.option("--threshold", type=float, default=0.8, show_default=True, metavar="SHARE",
                     help=text("Texts that share so much of their shingles count as the same.")),
        click.option("--units", type=int, default=5, show_default=True, metavar="N",
                     help=text("Words, or characters, in a shingle.")),
        click.option("--by-char", is_flag=True,
                     help=text("Shingles of characters: for languages without spaces between words.")),
        click.option("--permutations", type=int, default=128, show_default=True, metavar="N",
                     help=text("Numbers in a signature.")),
        click.option("--bands", type=int, default=32, show_default=True, metavar="N",
                     help=text("Bands of a signature; more of them miss fewer pairs.")),
        _THREADS,
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(epilog=_EPILOG, help=text("Data for training: inspect, clean, redact, deduplicate, split."))
def data() -> None:
    """What is done with data before a training."""


@data.command(help=text("Show what is in the data: records, lengths, doubles, private details."))
@_PATHS
@_FIELD
@_AS_JSON
def inspect(paths: tuple[Path, ...], field: str, as_json: bool) -> int:
    return _run("inspect", paths, None, {"field": field}, _show_figures, as_json=as_json)


@data.command(help=text("Print some of the records, drawn from all or from a place on."))
@_PATHS
@_FIELD
@click.option("-n", "n", type=click.IntRange(1, 100), default=5, show_default=True, help=text("How many."))
@click.option("--from", "first", type=click.IntRange(0), default=0, metavar="N", help=text("The first one; 0 draws."))
@click.option("--seed", type=int, default=1, show_default=True, help=text("What is drawn depends on it alone."))
@_AS_JSON
def show(paths: tuple[Path, ...], field: str, n: int, first: int, seed: int, as_json: bool) -> int:
    return _run("show", paths, None, {"field": field, "n": n, "first": first, "seed": seed}, _show_records,
                as_json=as_json)  # fmt: skip


@data.command(help=text("One form of Unicode, no invisible characters; leave out what breaks the rules."))
@_PATHS
@_FIELD
@_OUT
@click.option("--rules", multiple=True, type=click.Choice(["Gopher", "C4", "FineWeb"], case_sensitive=False),
              help=text("Leave out what breaks these rules; may be repeated."))  # fmt: skip
@click.option("--least", type=click.IntRange(0), default=1, show_default=True, help=text("Least characters of a text."))
@click.option("--most", type=click.IntRange(1), default=10_000_000, show_default=True, help=text("Most characters."))
@_MODEL
@click.option("--most-perplexity", type=click.FloatRange(min=1), metavar="N",
              help=text("Leave out what surprises the model more."))  # fmt: skip
@_WORKERS
@_BACKGROUND
@_AS_JSON
def clean(paths: tuple[Path, ...], field: str, out: Path | None, rules: tuple[str, ...], least: int, most: int,
          model: Path | None, most_perplexity: float | None, workers: int, background: bool,
          as_json: bool) -> int:  # fmt: skip
    settings = {"field": field, "rules": list(rules), "least": least, "most": most, "model": _absolute(model),
                "most_perplexity": most_perplexity or 0.0, "workers": workers}  # fmt: skip
    return _run("clean", paths, _out(paths, out, "clean"), settings, _show_cleaned, background, as_json)


@data.command(help=text("Write into every record its measures of quality, the rules it breaks, and its perplexity."))
@_PATHS
@_FIELD
@_OUT
@_MODEL
@click.option("--good", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="FILE",
              help=text("Good texts: a model is made of them, and perplexity measured; may be repeated."))  # fmt: skip
@click.option("--keep-model", type=click.Path(path_type=Path), metavar="FILE",
              help=text("Where to keep that model: a new file; ARPA text if its name ends in .arpa."))  # fmt: skip
@click.option("--order", type=click.IntRange(1, 5), default=5, show_default=True,
              help=text("How many words in a row that model knows."))  # fmt: skip
@_WORKERS
@_BACKGROUND
@_AS_JSON
def score(paths: tuple[Path, ...], field: str, out: Path | None, model: Path | None, good: tuple[Path, ...],
          keep_model: Path | None, order: int, workers: int, background: bool, as_json: bool) -> int:  # fmt: skip
    settings = {"field": field, "model": _absolute(model), "good": absolute(good), "keep_model": _absolute(keep_model),
                "order": order, "workers": workers}  # fmt: skip
    return _run("score", paths, _out(paths, out, "scored"), settings, _show_scored, background, as_json)


@data.command(help=text("Write into every record the language of its text; keep only some languages."))
@_PATHS
@_FIELD
@_OUT
@click.option("--keep", multiple=True, metavar="CODE",
              help=text("Leave out what is in another language, de for German; may be repeated."))  # fmt: skip
@click.option("--least", type=click.FloatRange(0, 1), default=0.5, show_default=True, metavar="SHARE",
              help=text("How sure that must be, 0 to 1."))  # fmt: skip
@_WORKERS
@_BACKGROUND
@_AS_JSON
def language(paths: tuple[Path, ...], field: str, out: Path | None, keep: tuple[str, ...], least: float,
             workers: int, background: bool, as_json: bool) -> int:  # fmt: skip
    settings = {"field": field, "keep": list(keep), "least": least, "workers": workers}
    return _run("language", paths, _out(paths, out, "language"), settings, _show_languages, background, as_json)


@data.command(help=text("Put marks in the place of mail addresses, phone numbers, IBANs, cards and keys."))
@_PATHS
@_OUT
@click.option("--kind", "kinds", multiple=True, type=click.Choice(["email", "phone", "iban", "card", "secret"]),
              help=text("Only these; may be repeated."))  # fmt: skip
@_WORKERS
@_BACKGROUND
@_AS_JSON
def redact(
    paths: tuple[Path, ...], out: Path | None, kinds: tuple[str, ...], workers: int, background: bool, as_json: bool
) -> int:
    settings = {"kinds": list(kinds), "workers": workers}
    return _run("redact", paths, _out(paths, out, "redacted"), settings, _show_redacted, background, as_json)


@data.command(help=text("Leave one record of each cluster of near-duplicates."))
@_PATHS
@_FIELD
@_OUT
@_alike
@click.option("--keep", type=click.Choice(["first", "longest"]), default="first", show_default=True,
              help=text("Which of a cluster stays."))  # fmt: skip
@click.option("--mark", is_flag=True, help=text("Leave nothing out; write the cluster's number into each record."))
@_BACKGROUND
@_AS_JSON
def dedup(paths: tuple[Path, ...], out: Path | None, background: bool, as_json: bool, n_threads: int,
          **settings: Any) -> int:  # fmt: skip
    settings["threads"] = n_threads
    return _run("dedup", paths, _out(paths, out, "dedup"), settings, _show_dedup, background, as_json)


@data.command(help=text("Hold a share out for testing, by clusters: no near-duplicate lies on both sides."))
@_PATHS
@_FIELD
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER",
              help=text("The folder for train.jsonl and held_out.jsonl."))  # fmt: skip
@click.option("--share", type=float, default=0.1, show_default=True, help=text("The share that is held out."))
@click.option("--seed", type=int, default=1, show_default=True, help=text("What is drawn depends on it alone."))
@_alike
@_BACKGROUND
@_AS_JSON
def split(paths: tuple[Path, ...], out: Path | None, background: bool, as_json: bool, n_threads: int,
          **settings: Any) -> int:  # fmt: skip
    settings["threads"] = n_threads
    return _run("split", paths, out or _beside(paths[0], "-split"), settings, _show_split, background, as_json)


def _run(
    step: str,
    paths: tuple[Path, ...],
    out: Path | None,
    settings: Mapping[str, Any],
    show_result: Callable[[dict[str, Any]], None],
    background: bool = False,
    as_json: bool = False,
) -> int:
    arguments = {
        "step": step, "paths": absolute(paths), "settings": dict(settings),
        "out": "" if out is None else str(with_home(out).absolute()),
    }  # fmt: skip
    return run_job("data", arguments, show_result, background=background, as_json=as_json)


def _out(paths: tuple[Path, ...], out: Path | None, what: str) -> Path:
    """Beside the first file, with the step in its name."""
    if out is not None:
        return out
    suffix = ".parquet" if paths[0].suffix.lower() == ".parquet" else ".jsonl"
    return _beside(paths[0], f".{what}{suffix}")


def _beside(path: Path, ending: str) -> Path:
    """The name of a file without its suffix, or of a folder, with another ending."""
    path = path.absolute()  # . has no name
    if path.name == "..":
        path = path.resolve()
    return path.with_name((path.name if path.is_dir() else path.stem) + ending)


def _show_figures(found: dict[str, Any]) -> None:
    lengths = {name: f"{n:,}" for name, n in found["lengths"].items()}
    private = ", ".join(f"{kind} {n:,}" for kind, n in sorted(found["private"].items())) or text("none")
    print_table(
        [text("WHAT"), ""],
        [
            [text("records"), f"{found['records']:,}"],
            [text("characters"), f"{found['characters']:,}"],
            [text("words"), f"{found['words']:,}"],
            [text("without text"), f"{found['empty']:,}"],
            [text("equal to an earlier one"), f"{found['equal']:,}"],
            [text("length"), text("{least} to {most}, half up to {median}, 99% up to {p99}", least=lengths["least"],
                                  most=lengths["most"], median=lengths["median"], p99=lengths["p99"])],
            [text("private details"), private],
            [text("records with such"), f"{found['with_private']:,}"],
            *([text("field {name}", name=name), f"{n:,}"] for name, n in list(found["fields"].items())[:20]),
        ],
    )  # fmt: skip


def _show_records(found: dict[str, Any]) -> None:
    for one in found["records"]:
        say(text("{place}:", place=one["place"]))
        for line in one["text"].split("\n"):
            say(f"  {line}")
        say()
    if not found["records"]:
        tell(text("There is no such record; {n} were read.", n=f"{found['read']:,}"))


def _show_cleaned(made: dict[str, Any]) -> None:
    say(text("{path}  {n} of {total} records stay", path=made["path"], n=f"{made['written']:,}",
             total=f"{made['records']:,}"))  # fmt: skip
    _show_counts(made["reasons"])


def _show_scored(made: dict[str, Any]) -> None:
    say(text("{path}  {n} of {total} records keep all rules", path=made["path"], n=f"{made['keep_all_rules']:,}",
             total=f"{made['records']:,}"))  # fmt: skip
    for most, n in sorted(made["perplexities"].items(), key=lambda one: int(one[0])):
        said = text("perplexity up to {most}", most=f"{int(most):,}") if int(most) else text("without words")
        say(f"  {said}  {n:,}")
    _show_counts(made["broken"])


def _show_languages(made: dict[str, Any]) -> None:
    say(text("{path}  {n} of {total} records stay", path=made["path"], n=f"{made['written']:,}",
             total=f"{made['records']:,}"))  # fmt: skip
    _show_counts(made["languages"])


def _show_redacted(made: dict[str, Any]) -> None:
    say(text("{path}  {total} records  {n} changed", path=made["path"], total=f"{made['records']:,}",
             n=f"{made['changed']:,}"))  # fmt: skip
    _show_counts(made["found"])


def _show_dedup(made: dict[str, Any]) -> None:
    say(text("{path}  {n} of {total} records stay", path=made["path"], n=f"{made['written']:,}",
             total=f"{made['records']:,}"))  # fmt: skip
    say(text("{n} clusters, the largest of {largest}; {doubles} doubles, {size}", n=f"{made['clusters']:,}",
             largest=f"{made['largest']:,}", doubles=f"{made['doubles']:,}",
             size=size_text(made["bytes_of_doubles"])))  # fmt: skip


def _show_split(made: dict[str, Any]) -> None:
    say(text("{path}  {train} to train on  {held} held out", path=made["path"], train=f"{made['train']:,}",
             held=f"{made['held_out']:,}"))  # fmt: skip


def _show_counts(counts: Mapping[str, int]) -> None:
    for name, n in counts.items():
        say(f"  {name}  {n:,}")
