"""What the files say comes into the store, and goes out of it only when every file could be read."""

from __future__ import annotations

from pathlib import Path

from control_stand import NOON, channel, kafka_channel, subscription

from eventing.errors import Unavailable
from eventing.kinds.delivery import PAUSED_ANNOTATION, is_paused
from eventing.kinds.key import key_of
from eventing.kinds.meta import Features
from eventing.manifest import combine, read
from eventing.settings import Kafka, Settings
from eventing.store.memory import MemoryStore
from kanal import files
from kanal.roles.controller import FILE_ANNOTATION, Applier

TYPO = channel("wrong").replace("kind: Channel", "kind: Chanel")
C1 = "Channel default/c1"


class Stand:
    """An applier with its store; `apply` takes the texts of the files a.yaml, b.yaml, ..."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.store = MemoryStore(lambda: NOON)
        self.said: list[str] = []
        self.applier = Applier(self.store, settings or Settings(), self.said.append)

    async def apply(self, *texts: str) -> int:
        self.said.clear()
        return await self.applier.apply(
            combine(read(text, f"{name}.yaml") for name, text in zip("abc", texts, strict=False))
        )

    def objects(self) -> list[str]:
        return [str(key_of(one)) for one in self.store.list()]


async def test_what_is_in_the_files_is_in_the_store_with_its_defaults() -> None:
    stand = Stand(Settings(kafka=Kafka(default_partitions=4, default_replication_factor=3)))
    assert await stand.apply(channel(), kafka_channel("k")) == 0
    assert stand.objects() == [C1, "KafkaChannel default/k"]
    generic, kafka = stand.store.list()
    assert generic.spec_document()["channelTemplate"]["kind"] == "KafkaChannel"
    assert kafka.spec_document() == {"numPartitions": 4, "replicationFactor": 3}
    assert stand.said == []


async def test_b41_the_same_files_again_change_nothing() -> None:
    stand = Stand()
    await stand.apply(channel() + subscription())
    before = stand.store.list()
    assert await stand.apply(channel() + subscription()) == 0
    assert stand.store.list() == before


async def test_what_is_gone_from_the_files_goes() -> None:
    stand = Stand()
    await stand.apply(channel() + channel("c2"), channel("c3"))
    await stand.apply(channel())
    assert stand.objects() == [C1]


async def test_what_came_from_elsewhere_stays() -> None:
    stand = Stand()
    (other,) = read(channel("other"), "x.yaml").resources
    await stand.store.apply(other.resource)
    await stand.apply(channel())
    await stand.apply(subscription())
    assert stand.objects() == ["Channel default/other", "Subscription default/s1"]


async def test_nothing_goes_while_a_file_has_a_problem_and_all_of_it_once_it_has_none() -> None:
    stand = Stand()
    await stand.apply(channel() + channel("c2"), channel("c3"))
    for broken in ("metadata: [", TYPO, channel("c4", spec="{numPartitions: 1}")):
        assert await stand.apply(channel(), broken) == 1
        assert stand.objects() == [C1, "Channel default/c2", "Channel default/c3"]
    assert await stand.apply(channel()) == 0
    assert stand.objects() == [C1]


async def test_nothing_goes_while_the_store_refuses_something() -> None:
    stand = Stand()
    await stand.apply(channel() + subscription() + channel("c2"))
    assert await stand.apply(subscription(of="c2")) == 1
    assert stand.objects() == [C1, "Channel default/c2", "Subscription default/s1"]
    assert len(stand.said) == 1
    assert stand.said[0].startswith("a.yaml:2: Subscription default/s1: spec.channel.name: ")


async def test_b41_a_resource_that_is_there_twice_is_told_with_both_places_and_the_first_counts() -> None:
    stand = Stand()
    assert (
        await stand.apply(channel(), subscription(to="{uri: 'http://one'}"), subscription(to="{uri: 'http://two'}"))
        == 1
    )
    assert "c.yaml:2" in stand.said[0]
    assert "b.yaml:2" in stand.said[0]
    (found,) = [one for one in stand.store.list() if one.KIND == "Subscription"]
    assert found.spec_document()["subscriber"] == {"uri": "http://one"}


async def test_b43_a_channel_in_another_namespace_is_refused_and_everything_else_runs() -> None:
    stand = Stand()
    across = subscription("across", "ns1").replace("name: c1", "name: c1, namespace: ns2")
    assert await stand.apply(channel() + across + subscription()) == 1
    assert stand.objects() == [C1, "Subscription default/s1"]
    assert "Subscription ns1/across: spec.channel.namespace" in stand.said[0]


async def test_b58_one_typo_and_one_unknown_field_hide_nothing_and_are_told_with_file_and_line(tmp_path: Path) -> None:
    text = channel() + TYPO + channel("odd", spec="{chanelTemplate: {}}")
    (tmp_path / "first.yaml").write_text(text)
    stand = Stand()
    assert await stand.applier.apply(files.load([tmp_path], Features())) == 2
    assert stand.objects() == [C1]
    kind, field = stand.said
    lines = text.splitlines()
    assert kind.startswith(f"{tmp_path}/first.yaml:{lines.index('kind: Chanel') + 1}: ")
    assert "did you mean Channel?" in kind
    assert field.startswith(
        f"{tmp_path}/first.yaml:{lines.index('spec: {chanelTemplate: {}}') + 1}: Channel default/odd: "
    )
    assert "spec.chanelTemplate" in field


class Pauses(Stand):
    """An applier whose one subscription is paused and resumed by command and by file."""

    async def file(self, word: str | None) -> None:
        meta = "labels: {}" if word is None else f"annotations: {{{PAUSED_ANNOTATION}: '{word}'}}"
        assert await self.apply(channel() + subscription(meta=meta)) == 0

    async def command(self, word: str | None) -> None:
        one = self.store.list()[-1]
        annotations = {} if word is None else {PAUSED_ANNOTATION: word}
        metadata = one.metadata.model_copy(update={"annotations": annotations})
        await self.store.apply(one.model_copy(update={"metadata": metadata}))

    @property
    def paused(self) -> bool:
        return is_paused(self.store.list()[-1].metadata)


async def test_a_pause_by_command_outlasts_files_that_say_nothing_of_it() -> None:
    stand = Pauses()
    await stand.file(None)
    await stand.command("true")
    await stand.file(None)
    assert stand.paused
    await stand.command(None)
    await stand.file(None)
    assert not stand.paused


async def test_what_a_file_says_of_a_pause_wins_over_a_command_and_so_does_taking_it_out() -> None:
    stand = Pauses()
    await stand.file("true")
    await stand.command(None)
    await stand.file("true")
    assert stand.paused
    await stand.file("false")
    assert not stand.paused
    await stand.command("true")
    await stand.file(None)
    assert not stand.paused


async def test_what_is_left_alone_is_told_once_and_holds_nothing_up() -> None:
    stand, beside = Stand(), "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
    assert await stand.apply(channel(), beside, channel("c2")) == 0
    assert [text.partition(": left alone")[0] for text in stand.said] == ["b.yaml:1: Deployment default/d"]
    assert await stand.apply(channel(), beside) == 0
    assert stand.said == []
    assert stand.objects() == [C1]


def lasting(store: MemoryStore) -> Applier:
    """The applier of a process that finds what an earlier one has left."""
    return Applier(store, Settings(), lambda _: None, lasting=True)


async def test_what_an_earlier_process_brought_goes_once_no_file_says_it_and_what_kubectl_brought_stays() -> None:
    store = MemoryStore(lambda: NOON)
    await lasting(store).apply(read(channel() + channel("c2"), "a.yaml"))
    (other,) = read(channel("other"), "x.yaml").resources
    await store.create(other.resource)
    await lasting(store).apply(read(channel(), "a.yaml"))
    assert [one.metadata.name for one in store.list()] == ["c1", "other"]
    assert store.list()[0].metadata.annotations[FILE_ANNOTATION] == "a.yaml"


async def test_what_an_earlier_process_brought_stays_while_a_file_has_a_problem() -> None:
    store = MemoryStore(lambda: NOON)
    await lasting(store).apply(read(channel(), "a.yaml"))
    await lasting(store).apply(combine([read(TYPO, "a.yaml")]))
    assert [one.metadata.name for one in store.list()] == ["c1"]


async def test_a_store_that_does_not_answer_is_a_problem_of_this_round_alone() -> None:
    stand = Stand()
    apply = stand.store.apply

    async def fail(_: object) -> None:
        raise Unavailable("Kafka does not answer", where="kafka")

    stand.store.apply = fail  # type: ignore[assignment, method-assign]
    assert await stand.apply(channel()) == 1
    assert "Kafka does not answer" in stand.said[0]
    stand.store.apply = apply  # type: ignore[method-assign]
    assert await stand.apply(channel()) == 0
