import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from eventing.errors import Invalid
from eventing.kinds.meta import Features
from eventing.manifest import Manifest
from kanal import files

CHANNEL = "apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata: {name: %s}\n"
PATIENCE_S = 10.0


def write(path: Path, name: str = "a") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CHANNEL % name, encoding="utf-8")
    return path


def names(manifest: Manifest) -> list[str]:
    return [located.resource.metadata.name for located in manifest.resources]


def test_a_folder_means_its_yaml_and_json_files_in_order_at_any_depth(tmp_path: Path) -> None:
    wanted = [write(tmp_path / name) for name in ("a.yaml", "b/c.yml", "d.json")]
    write(tmp_path / "readme.md")
    assert files.find([tmp_path]) == wanted


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    path = write(tmp_path / "resources.txt")
    assert files.find([path]) == [path]


def test_a_file_that_is_named_in_several_ways_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.yaml")
    (tmp_path / "link.yaml").symlink_to("a.yaml")
    monkeypatch.chdir(tmp_path)
    assert names(files.load([Path("a.yaml"), tmp_path, tmp_path / "a.yaml"], Features())) == ["a"]


def test_what_is_hidden_in_a_folder_is_passed_over_so_that_a_mounted_configmap_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "..2026_11_25" / "a.yaml")
    (tmp_path / "..data").symlink_to("..2026_11_25")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    write(tmp_path / ".a.swp.yaml")
    assert files.find([tmp_path]) == [tmp_path / "a.yaml"]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        files.find([write(tmp_path / "a.yaml"), tmp_path / "b.yaml"])
    assert str(caught.value) == f"{tmp_path / 'b.yaml'}: there is no such file or folder"


def test_a_folder_without_resources_is_an_error_rather_than_an_empty_stack(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        files.find([tmp_path])
    assert caught.value.message == "no .yaml, .yml, .json file is there"


def test_what_is_wrong_with_one_file_hides_nothing_of_another(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "c.yaml").write_text("kind: Broom\n", encoding="utf-8")
    manifest = files.load([tmp_path], Features())
    assert names(manifest) == ["a"]
    assert [Path(problem.file).name for problem in manifest.problems] == ["b.yaml", "c.yaml"]


def test_a_file_that_may_not_be_read_is_a_problem_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.yaml")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert [str(problem) for problem in files.load([path], Features()).problems] == [
        f"{path}:1: can't be read: Permission denied"
    ]


@asynccontextmanager
async def watching(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Queue[list[str]]]:
    """The names in each manifest that a watcher of the folder yields."""
    monkeypatch.setattr(files, "POLL_S", 0.01)
    found: asyncio.Queue[list[str]] = asyncio.Queue()
    started = asyncio.Event()
    signature = files._signature

    def look(paths: list[Path]) -> object:
        started.set()
        return signature(paths)

    monkeypatch.setattr(files, "_signature", look)

    async def follow() -> None:
        async for manifest in files.changes([folder], Features()):
            await found.put(names(manifest))

    task = asyncio.ensure_future(follow())
    try:
        await asyncio.wait_for(started.wait(), PATIENCE_S)
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled(), "the watcher ended by itself"


async def test_a_change_a_new_file_and_a_file_that_went_are_each_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.yaml")
    async with watching(tmp_path, monkeypatch) as found:
        write(tmp_path / "a.yaml", "changed")
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == ["changed"]
        write(tmp_path / "b.yaml", "new")
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == ["changed", "new"]
        (tmp_path / "a.yaml").unlink()
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == ["new"]
        assert found.empty()


async def test_a_folder_that_is_emptied_and_filled_again_is_followed_and_never_read_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.yaml")
    async with watching(tmp_path, monkeypatch) as found:
        (tmp_path / "a.yaml").unlink()
        write(tmp_path / "b.yaml", "b")
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == ["b"]


async def test_files_that_go_between_the_look_and_the_reading_do_not_end_the_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.yaml")
    load, calls = files.load, []

    def gone_once(paths: list[Path], features: Features) -> Manifest:
        calls.append(paths)
        if len(calls) == 1:
            raise Invalid("there is no such file or folder", where="a.yaml")
        return load(paths, features)

    monkeypatch.setattr(files, "load", gone_once)
    async with watching(tmp_path, monkeypatch) as found:
        write(tmp_path / "a.yaml", "changed")
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == ["changed"]
    assert len(calls) == 2


async def test_a_file_that_keeps_its_length_is_seen_by_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.yaml", "a")
    os.utime(path, ns=(0, 0))
    async with watching(tmp_path, monkeypatch) as found:
        write(path, "b")
        assert await asyncio.wait_for(found.get(), PATIENCE_S) == ["b"]
