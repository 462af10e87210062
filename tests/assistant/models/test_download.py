"""Downloads against a server that cuts, lies, changes its mind and redirects. All of it on the loopback interface."""

import hashlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.models import staging
from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.models.download import Downloaded, Hub
from rushlight.assistant.models.fetching import fetch_model
from rushlight.assistant.models.hub import HubName
from rushlight.assistant.models.partials import list_partials, remove_partial
from rushlight.assistant.paths import Paths

FakeHub = Any  # of conftest.py, which tests cannot import by name
DATA = os.urandom(3_000_000)
NAME = HubName("org", "repo", "m.gguf")


@pytest.fixture
def hub(fake_hub: FakeHub) -> FakeHub:
    fake_hub.files["m.gguf"] = DATA
    return fake_hub


def download(hub: FakeHub, paths: Paths, name: HubName = NAME, **options: Any) -> Downloaded:
    with Hub(hub.url, backoff_s=0.01, **options) as client:
        done = client.download(name, paths)
    done.folder.close()
    return done


def refusal(hub: FakeHub, paths: Paths, name: HubName = NAME, **options: Any) -> Error:
    with pytest.raises(Error) as caught:
        download(hub, paths, name, **options)
    return caught.value


def named_files(paths: Paths) -> list[Path]:
    return list(paths.downloads.rglob("*.gguf"))


def data_requests(hub: FakeHub) -> list[str]:
    return [asked for method, path, asked in hub.requests if method == "GET" and "/api/" not in path]


def test_a_download_is_whole_and_its_digest_is_the_hubs(hub: FakeHub, paths: Paths) -> None:
    seen: list[Progress] = []
    done = download(hub, paths, on_progress=seen.append)
    assert done.paths[0].read_bytes() == DATA and done.sha256 == (hub.sha256("m.gguf"),)
    assert done.notices == ()
    assert seen[-1].done == seen[-1].total == len(DATA)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


def test_a_cut_connection_is_resumed_where_it_ended(hub: FakeHub, paths: Paths) -> None:
    hub.cut_after = [1_000_000, 500_000]
    done = download(hub, paths)
    assert done.paths[0].read_bytes() == DATA
    assert data_requests(hub) == ["", "bytes=1000000-", "bytes=1500000-"]


def test_a_later_start_goes_on(hub: FakeHub, paths: Paths) -> None:
    hub.cut_after = [1_000_000]
    hub.statuses = [200, *[404] * 9]
    refusal(hub, paths)
    (partial,) = list_partials(paths)
    assert (partial.done_bytes, partial.size_bytes, partial.running) == (1_000_000, len(DATA), False)
    assert partial.name == "hf://org/repo/m.gguf"
    assert named_files(paths) == []
    hub.statuses.clear()
    assert download(hub, paths).paths[0].read_bytes() == DATA
    assert data_requests(hub)[-1] == "bytes=1000000-"
    hub.requests.clear()
    assert download(hub, paths).paths[0].read_bytes() == DATA  # complete: nothing is fetched again
    assert data_requests(hub) == []


@pytest.mark.parametrize("knows_if_range", [True, False])
def test_a_file_that_changed_on_the_server_begins_anew(hub: FakeHub, paths: Paths, knows_if_range: bool) -> None:
    """Same size and no digest, so that only the ETag tells."""
    hub.announced_sha256 = ""
    hub.cut_after = [1_000_000]
    hub.statuses = [200, *[404] * 9]
    refusal(hub, paths)
    hub.statuses.clear()
    hub.files["m.gguf"], hub.etag, hub.knows_if_range = os.urandom(len(DATA)), '"two"', knows_if_range
    done = download(hub, paths)
    assert done.paths[0].read_bytes() == hub.files["m.gguf"]
    assert [notice.kind for notice in done.notices] == ["no-checksum"]


def test_a_new_digest_drops_what_was_there(hub: FakeHub, paths: Paths) -> None:
    hub.cut_after = [1_000_000]
    hub.statuses = [200, *[404] * 9]
    refusal(hub, paths)
    hub.statuses.clear()
    hub.files["m.gguf"] = os.urandom(len(DATA))
    assert download(hub, paths).paths[0].read_bytes() == hub.files["m.gguf"]
    assert data_requests(hub)[-1] == ""


def test_wrong_bytes_are_deleted(hub: FakeHub, paths: Paths) -> None:
    hub.announced_sha256 = hashlib.sha256(b"other").hexdigest()
    err = refusal(hub, paths)
    assert err.kind == "checksum" and hub.announced_sha256 in err.message
    assert named_files(paths) == [] and list(paths.downloads.rglob("*.part")) == []


def test_a_damaged_beginning_is_fetched_again_once(hub: FakeHub, paths: Paths) -> None:
    hub.cut_after = [1_000_000]
    hub.statuses = [200, *[404] * 9]
    refusal(hub, paths)
    hub.statuses.clear()
    (part,) = paths.downloads.rglob("*.part")
    part.write_bytes(bytes(1_000_000))
    done = download(hub, paths)
    assert done.paths[0].read_bytes() == DATA
    assert [notice.kind for notice in done.notices] == ["download-restarted"]


@pytest.mark.parametrize("announced", [len(DATA) - 5, len(DATA) + 5])
def test_a_lie_about_the_size(hub: FakeHub, paths: Paths, announced: int) -> None:
    hub.announced_size = announced
    assert refusal(hub, paths).kind == "download-size"
    assert named_files(paths) == []


@pytest.mark.parametrize("announced", [0, 1 << 50])
def test_an_impossible_size(hub: FakeHub, paths: Paths, announced: int) -> None:
    hub.announced_size = announced
    assert refusal(hub, paths).kind == "download-size"


def test_a_body_without_end_is_stopped_at_the_announced_size(hub: FakeHub, paths: Paths) -> None:
    hub.chunked_extra = b"x" * 5_000_000
    assert refusal(hub, paths).kind == "download-size"
    assert list(paths.downloads.rglob("*.part")) == []


def test_a_server_without_ranges(hub: FakeHub, paths: Paths) -> None:
    hub.ranges = False
    hub.cut_after = [1_000_000]
    assert download(hub, paths).paths[0].read_bytes() == DATA
    assert data_requests(hub) == ["", "bytes=1000000-"]


def test_a_busy_server_is_waited_for_and_a_dead_one_given_up(hub: FakeHub, paths: Paths) -> None:
    hub.statuses = [503, 429, 500]
    assert download(hub, paths).paths[0].read_bytes() == DATA
    remove_partial(paths, "hf://org/repo/m.gguf")
    hub.statuses = [503] * 50
    err = refusal(hub, paths)
    assert err.kind == "download-failed" and "503" in err.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "download-forbidden"), (403, "download-forbidden"), (404, "download-not-found"), (418, "download-answer")],
)
def test_refusals_are_not_repeated(hub: FakeHub, paths: Paths, status: int, kind: str) -> None:
    hub.statuses = [status] * 3
    assert refusal(hub, paths).kind == kind
    assert len(data_requests(hub)) == 1


def test_nobody_listening(paths: Paths) -> None:
    hub = type("Gone", (), {"url": "http://127.0.0.1:1"})()
    assert refusal(hub, paths).kind == "download-failed"


@pytest.mark.parametrize("target", ["http://example.com/x", "http://10.0.0.1/x", "file:///etc/passwd", "ftp://a/b"])
def test_redirects_to_unsafe_places_are_refused(hub: FakeHub, paths: Paths, target: str) -> None:
    hub.redirect = target
    assert refusal(hub, paths).kind == "download-insecure"


def test_redirects_on_the_same_machine_are_followed_and_circles_end(hub: FakeHub, paths: Paths) -> None:
    hub.redirect = "/cdn/m.gguf"
    assert download(hub, paths).paths[0].read_bytes() == DATA
    remove_partial(paths, "hf://org/repo/m.gguf")
    hub.redirect = "/org/repo/resolve/main/m.gguf"
    assert refusal(hub, paths).kind == "download-redirect"


def test_the_token_goes_to_the_hub(hub: FakeHub, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    download(hub, paths)
    assert all(headers["Authorization"] == "Bearer secret" for headers in hub.headers)
    with Hub("https://huggingface.co") as client:
        assert client._token("https://huggingface.co/x") and not client._token("https://cdn.example/x")
        assert not client._token("http://huggingface.co/x")


def test_stop_wakes_a_read_that_waits(hub: FakeHub, paths: Paths) -> None:
    stop, waiting, go_on = Stop(), threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        go_on.wait(20)

    hub.before_body = wait
    threading.Thread(target=lambda: (waiting.wait(20), time.sleep(0.1), stop.set()), daemon=True).start()
    begun = time.monotonic()
    try:
        assert refusal(hub, paths, stop=stop).kind == "stopped"
        assert time.monotonic() - begun < 5
    finally:
        go_on.set()


def test_stop_in_the_middle_keeps_what_came(hub: FakeHub, paths: Paths) -> None:
    stop = Stop()
    assert refusal(hub, paths, stop=stop, on_progress=lambda progress: stop.set()).kind == "stopped"
    assert 0 < list_partials(paths)[0].done_bytes < len(DATA)
    assert download(hub, paths).paths[0].read_bytes() == DATA


def test_two_at_once_are_one_too_many(hub: FakeHub, paths: Paths) -> None:
    with Hub(hub.url) as client:
        first = client.download(NAME, paths)
    assert refusal(hub, paths).kind == "download-running"
    assert list_partials(paths)[0].running
    with pytest.raises(Error):
        remove_partial(paths, list_partials(paths)[0].id)
    first.folder.close(remove=True)
    assert list_partials(paths) == ()


def test_too_little_space_is_told_before_any_data(hub: FakeHub, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "free_bytes", lambda folder: 1000)
    assert refusal(hub, paths).kind == "disk-full"
    assert data_requests(hub) == []


def test_a_disk_that_fills_up_keeps_what_came(hub: FakeHub, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert refusal(hub, paths).kind == "disk-full"
    assert download(hub, paths).paths[0].read_bytes() == DATA


def test_partials_are_listed_and_removable_whatever_they_hold(paths: Paths) -> None:
    for name, content in (
        ("a", b"not json"),
        ("b", b'{"files": []}'),
        ("c", b'{"files": [{"path": "../x.gguf"}]}'),
        ("d", b"[" * 100_000),
    ):
        folder = paths.downloads / name
        folder.mkdir(parents=True)
        (folder / "download.json").write_bytes(content)
        (folder / "x.gguf.part").write_bytes(b"12345")
    assert [(partial.id, partial.done_bytes) for partial in list_partials(paths)] == [(name, 5) for name in "abcd"]
    for name in "abcd":
        remove_partial(paths, name)
    assert list_partials(paths) == ()
    with pytest.raises(Error) as caught:
        remove_partial(paths, "a")
    assert caught.value.kind == "download-not-found"


def test_listings(hub: FakeHub) -> None:
    with Hub(hub.url, backoff_s=0.01) as client:
        (file,) = client.files(HubName("org", "repo"))
        assert (file.path, file.size_bytes, file.sha256) == ("m.gguf", len(DATA), hub.sha256("m.gguf"))
        for listing in (b"not json", b"{}", b"[" * 100_000):
            hub.listing = listing
            with pytest.raises(Error) as caught:
                client.files(HubName("org", "repo"))
            assert caught.value.kind == "download-answer"
        hub.listing = b" " * (17 << 20)
        with pytest.raises(Error) as caught:
            client.files(HubName("org", "repo"))
        assert caught.value.kind == "download-size"


@pytest.mark.parametrize("endpoint", ["http://huggingface.co", "ftp://x", "huggingface.co", "http://10.1.2.3"])
def test_an_unsafe_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(Error) as caught:
        Hub(endpoint)
    assert caught.value.kind == "download-insecure"


def test_an_impossible_proxy_is_named() -> None:
    with pytest.raises(Error) as caught:
        Hub("https://huggingface.co", proxy="nonsense://x")
    assert caught.value.kind == "bad-proxy" and "download.proxy" in caught.value.hint


def test_the_proxy_is_used(hub: FakeHub, paths: Paths) -> None:
    """The fake hub stands in for a proxy: it is asked for the whole address of an endpoint that does not exist."""
    endpoint = type("Elsewhere", (), {"url": "http://127.0.0.1:9"})()
    assert download(endpoint, paths, proxy=hub.url).paths[0].read_bytes() == DATA


# ---------------------------------------------------------------- into the catalogue
def test_a_downloaded_model_is_imported_and_the_folder_goes(
    fake_hub: FakeHub, catalogue: Catalogue, tiny_gguf: Path
) -> None:
    fake_hub.files["Tiny-Q4_0.gguf"] = tiny_gguf.read_bytes()
    name = HubName("Some-Org", "Tiny-GGUF")
    done = fetch_model(catalogue, name, endpoint=fake_hub.url, alias="t")
    assert done.model.id == "Some-Org/Tiny@F32" and done.model.aliases == ("t",)
    assert done.model.path == catalogue.paths.models / "Some-Org/Tiny/Tiny-Q4_0.gguf"
    assert done.model.path.read_bytes() == tiny_gguf.read_bytes()
    assert list_partials(catalogue.paths) == ()
    again = fetch_model(catalogue, name, endpoint=fake_hub.url)
    assert again.already_there


def test_a_split_model_is_downloaded_whole(fake_hub: FakeHub, catalogue: Catalogue, make_split: Any) -> None:
    for part in make_split("big"):
        fake_hub.files[f"Q4_0/{part.name}"] = part.read_bytes()
    done = fetch_model(catalogue, HubName("org", "big", quantization="Q4_0"), endpoint=fake_hub.url)
    assert len(done.model.files) == 3 and all(file.path.is_file() for file in done.model.files)


def test_a_bad_file_is_refused_and_stays_removable(hub: FakeHub, catalogue: Catalogue) -> None:
    with pytest.raises(Error) as caught:
        fetch_model(catalogue, NAME, endpoint=hub.url)
    assert caught.value.kind == "bad-file"
    assert catalogue.list() == ()
    remove_partial(catalogue.paths, list_partials(catalogue.paths)[0].id)
