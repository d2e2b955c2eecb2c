"""Run the failing tube until it fails: `tubetap run -o failing.mcap -- python examples/failing.py`."""

import sys
from pathlib import Path

from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import ZMQRunner

HERE = Path(__file__).parent


def main() -> int:
    """Process epoch after epoch; 1 when a node raised."""
    sys.path.insert(0, str(HERE))
    tube = Tube.from_specification(str(HERE / "failing.yaml"))
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(node_id="").to_bytes()])
    with ZMQRunner(tube) as runner:
        try:
            for _ in range(20):
                print(runner.process())
        except ZeroDivisionError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
