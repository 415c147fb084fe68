import os
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0
HEAD = """
import asyncio
from eventing.errors import Denied, Invalid, Unavailable
from kanal.run import run
"""


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process in a group of its own, dead at the end whatever happens."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def script(text: str) -> str:
    return HEAD + textwrap.dedent(text)


def ended(text: str) -> tuple[int, str, str]:
    with started("-c", script(text)) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


WAITING = """
async def main(stop):
    print("ready", flush=True)
    await stop.wait()
    print("stopped", flush=True)
    {after}
run(main)
print("after", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_rings_the_bell_and_the_process_ends_by_itself_without_a_word(number: int) -> None:
    with started("-c", script(WAITING.format(after="pass"))) as process:
        assert line(process) == "ready"
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "stopped\nafter\n", "")


def test_a_second_signal_ends_at_once_a_process_that_hangs_while_it_stops() -> None:
    with started("-c", script(WAITING.format(after="await asyncio.Event().wait()"))) as process:
        assert line(process) == "ready"
        process.send_signal(signal.SIGINT)
        assert line(process) == "stopped"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (128 + signal.SIGINT, "", "")


@pytest.mark.parametrize(("error", "code"), [("Invalid", 2), ("Unavailable", 3), ("Denied", 4)])
def test_an_error_of_ours_is_one_line_and_its_exit_code(error: str, code: int) -> None:
    told = ended(f"""
        async def main(stop):
            raise {error}("is wrong", where="Channel default/a", fix="mend it")
        run(main)
    """)
    assert told == (code, "", "kanal: Channel default/a: is wrong; mend it\n")


def test_an_error_out_of_tasks_within_tasks_is_one_line_too() -> None:
    told = ended("""
        async def fail():
            raise Unavailable("is away", where="Kafka")
        async def inner():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())
                tasks.create_task(fail())
        async def main(stop):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(inner())
        run(main)
    """)
    assert told == (3, "", "kanal: Kafka: is away\n")


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    code, _, err = ended("""
        async def main(stop):
            raise KeyError("x")
        run(main)
    """)
    assert code == 1
    assert "Traceback" in err


def test_what_main_still_holds_is_tidied_up_before_the_error_is_told() -> None:
    told = ended("""
        async def main(stop):
            try:
                raise Invalid("is wrong")
            finally:
                await asyncio.sleep(0)
                print("tidied up")
        run(main)
    """)
    assert told == (2, "tidied up\n", "kanal: is wrong\n")


def test_ctrl_c_ends_an_event_display_quietly() -> None:
    with started("-c", "from kanal.cli import main; main()", "event-display", "--port", "0") as process:
        said = line(process)
        assert said.startswith("event-display listens on http://127.0.0.1:")
        with urllib.request.urlopen(f"{said.split()[-1]}/healthz", timeout=PATIENCE_S) as response:
            assert response.status == 204
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "", "")


def test_an_event_display_whose_reader_has_gone_ends_and_accepts_nothing_more() -> None:
    with started("-c", "from kanal.cli import main; main()", "event-display", "--port", "0") as process:
        url = line(process).split()[-1]
        assert process.stdout is not None
        process.stdout.close()
        headers = {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/s", "ce-id": "1"}
        request = urllib.request.Request(url, data=b"", headers=headers, method="POST")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=PATIENCE_S)
        caught.value.close()
        assert caught.value.code == 503
        assert process.stderr is not None
        process.wait(PATIENCE_S)
        assert process.stderr.read() == ""
