"""Bodies of requests as typed values: strict where it matters, deaf to what is not known, with the field's name in
every complaint. Knows msgspec; knows no endpoint."""

import functools
import re
from typing import Any, TypeVar, get_type_hints

import msgspec

from rushlight.assistant.server.errors import bad

T = TypeVar("T", bound=msgspec.Struct)


def read_body(data: bytes, kind: type[T]) -> tuple[T, tuple[str, ...]]:
    """The body as a `kind`, and the names of the fields that it does not know. Raises `Refusal`."""
    if not data:
        raise bad("The request has no body; a JSON object is expected.")
    try:
        value = _decoder(kind).decode(data)
        names = _NAMES.decode(data)
    except msgspec.ValidationError as err:
        message, _, path = str(err).rpartition(" - at `$")
        if not message:
            message, path = str(err), ""
        param = re.sub(r"^\.", "", path.rstrip("`")) or None
        where = f" at {param}" if param else ""
        raise bad(f"The request is not as expected{where}: {message}.", param=param) from err
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise bad(f"The request is no valid JSON: {err}.") from err
    except RecursionError as err:
        raise bad("The request is nested too deeply.") from err
    known = _known(kind)
    return value, tuple(sorted(name[:60] for name in names if name not in known))[:20]


_NAMES = msgspec.json.Decoder(dict[str, msgspec.Raw])


@functools.lru_cache(maxsize=64)
def _decoder(kind: type[T]) -> "msgspec.json.Decoder[T]":
    return msgspec.json.Decoder(kind)


@functools.lru_cache(maxsize=64)
def _known(kind: type[Any]) -> frozenset[str]:
    return frozenset(kind.__struct_encode_fields__)


def schema_of(kind: type[Any], name: str) -> dict[str, Any]:
    """The OpenAPI description of a request body; nested schemas are placed inside, so that each stands alone."""
    get_type_hints(kind, include_extras=True)
    (schema,), components = msgspec.json.schema_components([kind], ref_template=f"#/components/schemas/{name}.{{name}}")
    known = {f"{name}.{key}": value for key, value in components.items()}
    return {"body": schema, "components": known}
