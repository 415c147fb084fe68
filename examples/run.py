"""`kanal up` for an example that has subscribers of its own: `python examples/run.py NAME [OPTIONS OF KANAL UP]`.

Each route of the example's `subscribers.py` is the Service of that name. They are served on a free port beside the stack and
end with it.
"""

from __future__ import annotations

import importlib.util
import shlex
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute

from kanal.cli import main as kanal

HERE = Path(__file__).parent


def subscribers(name: str) -> FastAPI:
    """The application in an example's `subscribers.py`."""
    specification = importlib.util.spec_from_file_location("subscribers", HERE / name / "subscribers.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    app: FastAPI = module.app
    return app


def services(app: FastAPI) -> list[str]:
    """The names of the Services that an application is: its routes."""
    return [route.path.removeprefix("/") for route in app.routes if isinstance(route, APIRoute)]


def main() -> None:
    with_subscribers = sorted(file.parent.name for file in HERE.glob("*/subscribers.py"))
    name, *options = sys.argv[1:] or [""]
    if name not in with_subscribers:
        sys.exit(f"usage: python examples/run.py {{{','.join(with_subscribers)}}} [OPTIONS OF KANAL UP]")
    app = subscribers(name)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    named = [part for one in services(app) for part in ("--service", f"{one}={url}/{one}")]
    command = ["kanal", "up", str(HERE / name), *named, *options]
    print(f"$ {shlex.join(command)}", flush=True)

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    sys.argv = command
    try:
        kanal()
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
