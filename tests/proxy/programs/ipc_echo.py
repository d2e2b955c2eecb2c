"""Small pyzmq programs for the agent's tests: `ipc_echo.py WHAT ADDRESS`, printing what they find as JSON."""

import asyncio
import json
import os
import sys

import zmq
import zmq.asyncio


def talk(context, address):
    """Send one message through a bound ROUTER and back; say what both ends see."""
    with context.socket(zmq.ROUTER) as router, context.socket(zmq.DEALER) as dealer:
        result = router.bind(address)
        dealer.setsockopt(zmq.IDENTITY, b"dealer")
        dealer.connect(router.last_endpoint.decode())
        dealer.send(b"question")
        identity, question = router.recv_multipart()
        router.send_multipart([identity, b"answer to " + question])
        answer = dealer.recv()
        path = router.last_endpoint.decode()[len("ipc://") :]
        return {
            "identity": identity.decode(),
            "answer": answer.decode(),
            "last_endpoint": router.last_endpoint.decode(),
            "names": sorted(os.listdir(os.path.dirname(path))) if os.path.isabs(path) else [],
            "context_manager": hasattr(result, "__enter__"),
            "sys_path": sys.path,
        }


async def talk_async(address):
    context = zmq.asyncio.Context()
    with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
        pull.bind(address)
        push.connect(address)
        await push.send(b"hello")
        return {"answer": (await pull.recv()).decode()}


def main():
    what, address = sys.argv[1:]
    context = zmq.Context()
    if what == "async":
        found = asyncio.run(talk_async(address))
    elif what == "again":
        talk(context, address)
        found = talk(context, address)
    elif what == "unbind":
        with context.socket(zmq.REP) as socket:
            socket.bind(address)
            socket.unbind(socket.last_endpoint)
        found = talk(context, address)
    elif what == "random-port":
        with context.socket(zmq.REP) as socket:
            found = {"port": socket.bind_to_random_port("tcp://127.0.0.1")}
    else:
        found = talk(context, address)
    context.term()
    print(json.dumps(found))


main()
