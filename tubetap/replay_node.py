"""Runs one node of a tube by itself, as noob's ZMQRunner would: the real node that a replay feeds.

A script for the target's interpreter, which has noob but need not have tubetap: it is started by path and
imports only the standard library, noob and the tube's own modules. The current directory and the tube's are
importable.
"""

import argparse
import contextlib
import functools
import inspect
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any


def main() -> None:
    """Run the node until it is told to stop, or until the replay is gone."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--tube", required=True, help="tube file, or the id of one that noob can find")
    parser.add_argument("--node", required=True)
    parser.add_argument("--runner-id", required=True)
    parser.add_argument("--command-outbox", required=True)
    parser.add_argument("--command-router", required=True)
    parser.add_argument("--input", default="{}", help="tube-scoped input, as JSON")
    parser.add_argument("--debugger", choices=["pdb", "debugpy"])
    parser.add_argument("--debug-port", type=int, default=5678)
    parser.add_argument("--lifeline", type=int, help="a pipe that the replay holds open while it lives")
    parser.add_argument("--stage", help="the replay's private folder, to be removed if the replay can't")
    arguments = parser.parse_args()
    # The script's own folder is no place to import from; the user's are.
    sys.path[0] = os.getcwd()
    tube_file = Path(arguments.tube)
    if tube_file.is_file():
        sys.path.insert(1, str(tube_file.resolve().parent))
    if arguments.lifeline is not None:
        ends = (arguments.lifeline, arguments.stage)
        threading.Thread(target=_end_with, args=ends, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # noob ends its nodes this way
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    from noob import Tube
    from noob.runner.zmq.node import NodeRunner

    tube = Tube.from_specification(arguments.tube, input=json.loads(arguments.input))
    if arguments.node not in tube.nodes:
        names = ", ".join(sorted(tube.nodes))
        sys.exit(f"the tube has no node {arguments.node!r}; it has {names}")
    node = tube.nodes[arguments.node]
    given = {
        "asset_specs": getattr(getattr(tube, "state", None), "specs", None),
        "asset_generations": getattr(tube.scheduler, "asset_generations", dict)(),
        "edges": tube.edges,
        "runner_id": arguments.runner_id,
        "command_outbox": arguments.command_outbox,
        "command_router": arguments.command_router,
        "input_collection": tube.input_collection,
    }
    # Older releases know fewer of these.
    known = inspect.signature(NodeRunner.__init__).parameters
    given = {name: value for name, value in given.items() if name in known}
    if arguments.debugger == "debugpy":
        _wait_for_debugger(arguments.debug_port)
    elif arguments.debugger == "pdb":
        _stop_in_process(NodeRunner)
    run: Any = NodeRunner.run
    run(node.spec, **given)


def _wait_for_debugger(port: int) -> None:
    try:
        import debugpy
    except ImportError:
        sys.exit("--debugger debugpy needs debugpy in the node's environment: pip install debugpy")
    host, port = debugpy.listen(("127.0.0.1", port))
    print(
        f"debugpy listens on {host}:{port}; the node goes on when a debugger is attached",
        file=sys.stderr,
        flush=True,
    )
    debugpy.wait_for_client()


def _stop_in_process(runner: Any) -> None:
    """Make every call of the node's process stop in pdb, at its first line; `c` goes on to the next call.

    noob calls it in a thread of its own, where breakpoints set from the main thread would not be noticed.
    """
    import pdb

    init_node = runner.init_node

    async def init_then_wrap(self: Any) -> None:
        await init_node(self)
        process = self._node.process
        debugger = pdb.Pdb(nosigint=True)
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(process, "func", process))):

            @functools.wraps(process)
            async def stopped(*args: Any, **kwargs: Any) -> Any:
                debugger.set_trace()
                return await process(*args, **kwargs)

        else:

            @functools.wraps(process)
            def stopped(*args: Any, **kwargs: Any) -> Any:
                return debugger.runcall(process, *args, **kwargs)

        self._node.__dict__["process"] = stopped

    runner.init_node = init_then_wrap


def _end_with(lifeline: int, stage: "str | None") -> None:
    """End this process when the other end of a pipe is closed, however that came about."""
    while os.read(lifeline, 1):
        pass
    if stage is not None:
        # noob makes the folder of its sockets anew whenever it looks for it, so its threads have to be gone.
        with contextlib.suppress(OSError):
            os.execvp("rm", ["rm", "-rf", "--", stage])
        shutil.rmtree(stage, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
