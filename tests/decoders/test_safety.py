"""Decoding does nothing but decode: no import, no call, no file, no process, whatever the payload says."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import base64, json, os, pickle, sys
from decoders import registry
from decoders.envelope import read_envelope
from decoders.messages import Message
from decoders.summary import summarize
from tests.support_samples import samples


class Call:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


HOSTILE = [
    Call(os.system, "touch hacked"),
    Call(eval, "open('hacked', 'w')"),
    Call(exec, "import this"),
    Call(__import__, "this"),
    Call(getattr, Call(__import__, "os"), "system"),
    {"err_type": Call(exec, "import this"), "err_args": (Call(os.system, "touch hacked"),), "traceback": ""},
    ValueError(Call(os.system, "touch hacked")),
]


def messages():
    for sample in samples(messages_only=False):
        yield sample.frames
    for value in HOSTILE:
        data = pickle.dumps(value)
        for cut in (data, data[:-5], b"\\x80\\x04cthis\\ns\\n)R.", b"c__main__\\nCall\\n."):
            text = "pck__" + base64.b64encode(cut).decode()
            event = {"id": 1, "timestamp": "x", "node_id": "a", "signal": "s", "epoch": 1, "value": text}
            process = {"epoch": 1, "input": {"x": text}}
            for kind, held in [("error", text), ("event", [event, text]), ("process", process)]:
                fields = {"type": kind, "node_id": "a", "value": held, "x": "y" * 70_000}
                yield [kind.encode(), json.dumps(fields, separators=(",", ":")).encode()]
                del fields["x"]
                yield [kind.encode(), json.dumps(fields, separators=(",", ":")).encode()]


def decode_all(everything):
    for frames in everything:
        read_envelope(frames)
        summarize(frames)
        message = Message.from_bytes(frames)
        message.to_bytes()
        if hasattr(message, "to_exception"):
            str(message.to_exception())
        for name in [None, "noob", "json", "text", "msgpack", "jupyter", "raw"]:
            pending = [registry.decode(frames, decoder=name).item]
            for _ in range(300):
                if not pending:
                    break
                item = pending.pop()
                repr(item.text)
                if item.children is not None:
                    pending.extend(item.children())


everything = list(messages())
for frames in samples():
    decode_all([frames.frames])  # whatever is imported late is imported now

seen = []
FORBIDDEN = ("import", "exec", "compile", "open", "subprocess.", "os.", "socket.", "shutil.", "pickle.")


def forbid(event, arguments):
    if event.startswith(FORBIDDEN):
        seen.append((event, repr(arguments)[:200]))


sys.addaudithook(forbid)
decode_all(everything)
found, seen = seen, []
open(os.devnull).close()  # the hook does see
assert seen, "the hook is blind"
print(len(everything), found[:5])
"""


def test_nothing_happens_while_decoding(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    count, found = done.stdout.split(maxsplit=1)
    assert int(count) > 1000
    assert found.strip() == "[]"
    assert list(tmp_path.iterdir()) == []
