"""The small tube with its node runners told other addresses of the command node than it has bound.

`split_tube.py RUNNER_ID OUTBOX ROUTER`: as somebody does who starts node runners with addresses of his own.
"""

import json
import sys

import noob.runner.zmq.runner as zmq_runner
from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import NodeRunner, ZMQRunner
from small_tube import TUBE, hold

RUNNER_ID, OUTBOX, ROUTER = sys.argv[1:]


class Elsewhere(NodeRunner):
    """A node runner that is started with the addresses from the command line."""

    @classmethod
    def run(cls, spec, **kwargs):
        NodeRunner.run(spec, **{**kwargs, "command_outbox": OUTBOX, "command_router": ROUTER})


def main():
    zmq_runner.NodeRunner = Elsewhere
    tube = Tube.from_specification(str(TUBE))
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(node_id="").to_bytes()])
    with ZMQRunner(tube, _runner_id=RUNNER_ID) as runner:
        outboxes = {name: node["outbox"] for name, node in runner.command._nodes.items()}
        results = [runner.process() for _ in range(6)]
        hold(runner)
        results += [runner.process() for _ in range(6)]
    print(json.dumps({"results": results, "outboxes": outboxes}))


if __name__ == "__main__":
    main()
