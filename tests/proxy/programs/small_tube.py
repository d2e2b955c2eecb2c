"""Runs the small tube on noob's ZMQRunner and prints what it returned as JSON: an ordinary user of noob."""

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path

import transcribe  # noqa: F401
from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import ZMQRunner

TUBE = Path(__file__).with_name("small_tube.yaml")
LISTENERS = {
    "source": {"command", "double", "picture"},
    "double": {"command", "merge"},
    "picture": {"command", "merge"},
    "merge": {"command"},
}


def connected(runner):
    """Whether every subscription of the tube is in force."""
    nodes = runner.command._nodes
    return set(LISTENERS) <= runner.command._subscribers and all(
        node in nodes and listeners <= set(nodes[node]["subscribers"])
        for node, listeners in LISTENERS.items()
    )


class Losses:
    """Which subscriptions were lost and came back, as the nodes tell it.

    When all sockets are cut, each process notices in its own time: that the last word of every node names all
    its subscribers says nothing until every one of them was missing.
    """

    def __init__(self, runner):
        self.command = runner.command
        self.lost = set()
        self.command.add_callback("router", self.told)

    async def told(self, message):
        if message.type_ == "identify":
            listeners = set(message.value["subscribers"])
            self.lost |= {(message.node_id, lost) for lost in LISTENERS[message.node_id] - listeners}

    def all_noticed(self):
        self.lost |= {("command", lost) for lost in set(LISTENERS) - self.command._subscribers}
        return len(self.lost) == len(LISTENERS) + sum(map(len, LISTENERS.values()))


def hold(runner):
    """Say that we wait, wait for a line, and then until the sockets are connected again if they were cut."""
    losses = Losses(runner)
    print("holding", flush=True)
    cut = sys.stdin.readline().strip() == "cut"
    deadline = time.monotonic() + 5
    # A subscriber that is back before its end was noticed is never missed.
    while cut and not losses.all_noticed() and time.monotonic() < deadline:
        time.sleep(0.001)
    deadline = time.monotonic() + 20
    while not connected(runner):
        assert time.monotonic() < deadline, "the sockets did not connect again"
        time.sleep(0.01)


def run(arguments):
    """Run the tube once; return what it gave, and who sent the events."""
    events = []
    tube = Tube.from_specification(str(TUBE))
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(node_id="").to_bytes()])
    with ZMQRunner(tube) as runner:
        runner.command.add_callback("inbox", lambda message: events.append(message.node_id))
        if arguments.free_run:
            return list(runner.iter(arguments.epochs)), events
        results = [runner.process() for _ in range(arguments.epochs)]
        if arguments.hold:
            hold(runner)
            results += [runner.process() for _ in range(arguments.epochs)]
    return results, events


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--start-method", default=None)
    parser.add_argument("--free-run", action="store_true")
    parser.add_argument("--hold", action="store_true", help="stop half-way until there is a line on stdin")
    parser.add_argument("--runs", type=int, default=1, help="so many runners, one after the other")
    arguments = parser.parse_args()
    if arguments.start_method:
        multiprocessing.set_start_method(arguments.start_method)
    results, events = [], []
    for _ in range(arguments.runs):
        found, sent = run(arguments)
        results += found
        events += sent
    print(json.dumps({"results": results, "events": {node: events.count(node) for node in set(events)}}))


if __name__ == "__main__":
    main()
