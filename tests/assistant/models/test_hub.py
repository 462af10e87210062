"""Names on the hub: what people paste is understood, what could lead elsewhere is refused."""

import pytest

from rushlight import Error
from rushlight.assistant.models.hub import (
    HubFile,
    HubName,
    check_url,
    choose_files,
    listed_file,
    parse_hub_name,
    sha256_of,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("org/repo", HubName("org", "repo")),
        ("hf://org/repo", HubName("org", "repo")),
        ("hf.co/org/repo:q4_k_m", HubName("org", "repo", quantization="Q4_K_M")),
        ("org/repo@v1.0:Q8_0", HubName("org", "repo", quantization="Q8_0", revision="v1.0")),
        ("hf://org/repo/sub dir/a.gguf", HubName("org", "repo", "sub dir/a.gguf")),
        ("hf://org/repo@abc/a.gguf", HubName("org", "repo", "a.gguf", revision="abc")),
        ("https://huggingface.co/org/repo", HubName("org", "repo")),
        ("https://huggingface.co/org/repo/resolve/main/a%20b.gguf?download=true", HubName("org", "repo", "a b.gguf")),
        ("https://huggingface.co/org/repo/blob/dev/x/a.gguf", HubName("org", "repo", "x/a.gguf", revision="dev")),
    ],
)
def test_names(text: str, name: HubName) -> None:
    assert parse_hub_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "org",
        "/etc/passwd",
        "../../x/y",
        "org/..",
        "org/repo/../../x.gguf",
        "org/repo/a.bin",
        "org/repo/a.gguf?x=1",
        "org/re po",
        "-org/repo",
        "org/repo@../x",
        "https://evil.example/org/repo",
        "http://huggingface.co.evil/org/repo",
        "https://huggingface.co/org/repo/tree/main",
        "org/repo/a\x00.gguf",
        "org/repo/a#b.gguf",
        "https://user@huggingface.co/o/r",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(Error) as caught:
        parse_hub_name(text)
    assert caught.value.kind == "bad-hub-name"


def files(*paths: str) -> list[HubFile]:
    return [HubFile(path, 1) for path in paths]


def chosen(text: str, *paths: str) -> list[str]:
    return [file.path for file in choose_files(parse_hub_name(text), files(*paths))]


def test_a_quantization_chooses() -> None:
    listing = ("m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q8_0.gguf", "mmproj-m-Q8_0.gguf")
    assert chosen("o/r:q4_k_s", *listing) == ["m-Q4_K_S.gguf"]
    assert chosen("o/r:Q8_0", *listing) == ["m-Q8_0.gguf"]
    assert chosen("o/r", *listing) == ["m-Q4_K_M.gguf"]
    assert chosen("o/r/m-Q8_0.gguf", *listing) == ["m-Q8_0.gguf"]
    assert chosen("o/r", "only.gguf") == ["only.gguf"]
    with pytest.raises(Error) as caught:
        chosen("o/r:Q4_K", *listing)
    assert caught.value.kind == "hub-choice" and "m-Q4_K_M.gguf" in caught.value.hint
    for paths in ((), ("a.gguf", "b.gguf")):
        with pytest.raises(Error):
            chosen("o/r", *paths)


def test_split_models_come_whole() -> None:
    parts = [f"Q4_0/m-0000{number}-of-00002.gguf" for number in (1, 2)]
    assert chosen("o/r:Q4_0", *parts, "Q8_0/m.gguf") == parts
    assert chosen(f"o/r/{parts[1]}", *parts) == parts
    with pytest.raises(Error) as caught:
        chosen("o/r:Q4_0", parts[0])
    assert caught.value.kind == "missing-part"


def test_entries_of_a_listing_are_believed_only_in_the_known_form() -> None:
    good = {"type": "file", "path": "a.gguf", "size": 5, "lfs": {"oid": "A" * 64}}
    assert listed_file(good) == HubFile("a.gguf", 5, "a" * 64)
    for change in (
        {"type": "directory"},
        {"path": "../a.gguf"},
        {"path": "/a.gguf"},
        {"path": "a.bin"},
        {"path": 3},
        {"path": "a?.gguf"},
        {"size": -1},
        {"size": "5"},
        {"size": True},
        {"size": 1 << 60},
    ):
        assert listed_file(good | change) is None
    assert listed_file(good | {"lfs": 3}) == listed_file(good | {"lfs": {"oid": "short"}}) == HubFile("a.gguf", 5)
    assert listed_file(None) is None


def test_digests_are_told_from_other_tags() -> None:
    assert sha256_of(f'W/"{"Ab" * 32}"') == "ab" * 32
    assert sha256_of('"d41d8cd98f00b204e9800998ecf8427e"') == sha256_of("") == sha256_of("g" * 64) == ""


@pytest.mark.parametrize(
    ("url", "local", "allowed"),
    [
        ("https://huggingface.co", False, True),
        ("http://huggingface.co", False, False),
        ("http://127.0.0.1:8000", True, True),
        ("http://127.0.0.1:8000", False, False),
        ("http://[::1]:1", True, True),
        ("http://localhost:1", True, True),
        ("http://localhost.evil.com", True, False),
        ("http://127.0.0.1.nip.io", True, False),
        ("http://10.0.0.1", True, False),
        ("file:///etc/passwd", True, False),
        ("ftp://x", True, False),
        ("https://", True, False),
        ("", True, False),
        ("http://user@10.0.0.1", True, False),
    ],
)
def test_where_data_may_come_from(url: str, local: bool, allowed: bool) -> None:
    if allowed:
        check_url(url, local_allowed=local)
    else:
        with pytest.raises(Error) as caught:
            check_url(url, local_allowed=local)
        assert caught.value.kind == "download-insecure"
