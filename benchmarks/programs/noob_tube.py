"""Runs a tube on noob's ZMQRunner as an ordinary program would, and prints what took how long, as JSON."""

import argparse
import json
import time
from typing import Any

from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import ZMQRunner
from noob.tube import TubeSpecification


def four() -> dict[str, Any]:
    """A source, two branches, a merge."""
    return {
        "source": {"type": "bench_nodes.count"},
        "left": {"type": "bench_nodes.step", "depends": [{"value": "source.index"}]},
        "right": {"type": "bench_nodes.step", "depends": [{"value": "source.index"}]},
        "merge": {
            "type": "bench_nodes.add",
            "depends": [{"left": "left.value"}, {"right": "right.value"}],
        },
        "result": {"type": "return", "depends": [{"value": "merge.value"}]},
    }


def chain(length: int) -> dict[str, Any]:
    """A source and nodes that each add one."""
    nodes: dict[str, Any] = {"n0": {"type": "bench_nodes.count"}}
    for number in range(1, length):
        before = "n0.index" if number == 1 else f"n{number - 1}.value"
        nodes[f"n{number}"] = {"type": "bench_nodes.step", "depends": [{"value": before}]}
    nodes["result"] = {"type": "return", "depends": [{"value": f"n{length - 1}.value"}]}
    return nodes


def camera() -> dict[str, Any]:
    """A VGA camera and a node that looks at each picture."""
    return {
        "camera": {"type": "bench_nodes.camera"},
        "brightness": {"type": "bench_nodes.brightness", "depends": [{"frame": "camera.frame"}]},
        "result": {"type": "return", "depends": [{"value": "brightness.value"}]},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tube", help="four, camera or chain:LENGTH")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--free-run", action="store_true")
    options = parser.parse_args()
    name, _, length = options.tube.partition(":")
    nodes = chain(int(length)) if name == "chain" else {"four": four, "camera": camera}[name]()
    tube = Tube.from_specification(
        TubeSpecification(
            noob_id="bench", noob_model="noob.tube.TubeSpecification", noob_version="1003.0.0", nodes=nodes
        )
    )
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(node_id="").to_bytes()])
    runner = ZMQRunner(tube)
    began = time.perf_counter()
    runner.init()
    ready = time.perf_counter()
    results: list[object] = []
    try:
        if options.free_run:
            for result in runner.iter(options.epochs):
                if not results:
                    first = time.perf_counter()
                results.append(result)
        elif options.epochs:
            results.append(runner.process())
            first = time.perf_counter()
            results += [runner.process() for _ in range(options.epochs - 1)]
        done = time.perf_counter()
    finally:
        runner.deinit()
    print(
        json.dumps(
            {
                "init_s": ready - began,
                "rate": (len(results) - 1) / (done - first) if len(results) > 1 else 0,
                "results": len(results),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
