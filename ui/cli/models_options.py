"""`rushlight models set` and `sampling`: how one model is loaded and asked unless told otherwise."""

from collections.abc import Sequence

import click

from rushlight.ui.cli.models_use import AS_JSON, opened_app
from rushlight.ui.cli.output import print_json, print_table, say
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight models set smol context=4096 kv_type=q8_0 keep_alive_s=-1 temperature=0.7
  OPTION        VALUE  SOURCE
  context       4096   user
  keep_alive_s  -1     user
  kv_type       q8_0   user
  temperature   0.7    user
  $ rushlight models set smol kv_type=
  OPTION        VALUE  SOURCE
  context       4096   user
  keep_alive_s  -1     user
  temperature   0.7    user""")


@click.command(
    "set",
    epilog=_EPILOG,
    help=text(
        "How a model is loaded and asked unless told otherwise: context, kv_type, gpu_layers, keep_alive_s, batch, "
        "threads, flash_attention, slots, kv_ram_mib, and the sampler's fields such as temperature. NAME= takes one "
        "back. Without values, show them."
    ),
)
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@AS_JSON
def set_(name: str, values: Sequence[str], as_json: bool) -> int:
    from rushlight.assistant.models import load_defaults, sampling_defaults

    load: dict[str, str | None] = {}
    sampler: dict[str, float | None] = {}
    for option, value in _pairs(values):
        if option in sampling_defaults.BOUNDS:
            sampler[option] = sampling_defaults.parse(option, value) if value else None
        elif not value and option in load_defaults.OPTIONS:
            load[option] = None
        else:
            load[option] = str(load_defaults.parse(option, value))
    with opened_app() as app:
        model = app.catalogue.find(name)
        if load:
            model = app.catalogue.set_load(name, load)
        if sampler:
            model = app.catalogue.set_sampling(name, sampler)
        sources = app.catalogue.sampling_sources(model)
    if as_json:
        print_json({"id": model.id, "load": model.load, "sampling": model.sampling, "sources": sources})
        return 0
    rows = [[option, value, "user"] for option, value in model.load.items()]
    rows += [[field, f"{value:g}", sources[field]] for field, value in model.sampling.items()]
    if rows:
        print_table([text("OPTION"), text("VALUE"), text("SOURCE")], rows)
    else:
        say(text("{id} is loaded as the settings have it, and answers greedily.", id=model.id))
    return 0


def _pairs(values: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        option, sign, rest = value.partition("=")
        if not sign:
            raise click.UsageError(text("{value!r} is not NAME=VALUE.", value=value))
        pairs.append((option.strip().lower().replace("-", "_"), rest.strip()))
    return pairs


@click.command(
    help=text(
        "Sampler defaults of a model, such as temperature=0.7 top_k=40; temperature= takes one back. "
        "Without values, show them."
    )
)
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[FIELD=NUMBER]...")
@AS_JSON
def sampling(name: str, values: Sequence[str], as_json: bool) -> int:
    from rushlight.assistant.models.sampling_defaults import parse

    changes: dict[str, float | None] = {}
    for value in values:
        field, sign, number = value.partition("=")
        if not sign:
            raise click.UsageError(text("{value!r} is not FIELD=NUMBER.", value=value))
        changes[field.strip()] = parse(field.strip(), number) if number.strip() else None
    with opened_app() as app:
        model = app.catalogue.set_sampling(name, changes) if changes else app.catalogue.find(name)
        sources = app.catalogue.sampling_sources(model)
    if as_json:
        print_json({"id": model.id, "sampling": model.sampling, "sources": sources})
    elif not model.sampling:
        say(text("{id} has no sampler defaults; it answers greedily.", id=model.id))
    else:
        print_table(
            [text("FIELD"), text("VALUE"), text("SOURCE")],
            [[field, f"{value:g}", sources[field]] for field, value in model.sampling.items()],
            right=(1,),
        )
    return 0
