"""The program that `tubetap demo` runs: an ordinary user of noob that knows nothing of tubetap."""

import argparse
from pathlib import Path

from noob import Tube
from noob.network.message import Message, MessageType, PingMsg
from noob.runner.zmq import ZMQRunner


def main() -> None:
    """Run the demo tube freely, for a number of epochs or until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--epochs", type=int, help="stop after this many (default: run until interrupted)")
    arguments = parser.parse_args()
    tube = Tube.from_specification(str(Path(__file__).with_name("tube.yaml")))
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(type=MessageType.ping, node_id="").to_bytes()])
    with ZMQRunner(tube) as runner:
        try:
            for result in runner.iter(arguments.epochs):
                print(result, flush=True)
        except KeyboardInterrupt:
            print("stopping", flush=True)


if __name__ == "__main__":
    main()
