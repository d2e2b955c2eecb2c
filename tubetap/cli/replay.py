"""`tubetap replay`: a recording against real noob processes, to subscribers, or into the viewer."""

import contextlib
import json
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import click

from proxy.output import say
from tubetap.cli.replay_modes import mode_of

if TYPE_CHECKING:
    from recordings.recording import Recording
    from recordings.replay import Addresses, Controls, NodeProcess, Pace, Traffic

KEYS = {" ": "message", "\n": "message", "\r": "message", "e": "epoch", "c": "go", "p": "hold"}
KEYS_HELP = "keys: space next message, e next epoch, c continue, p pause, q quit"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("filter_text", metavar="[FILTER]", nargs=-1)
@click.option("--to", "to", type=click.Choice(["view"]), help="Play into the terminal app.")
@click.option("--as", "role", type=click.Choice(["command", "nodes"]), help="Play this side of noob.")
@click.option("--publish", "address", metavar="ADDRESS", help="Publish at tcp://... or ipc://...")
@click.option("--node", "nodes", metavar="NAME,...", multiple=True, help="The node (or nodes) it is about.")
@click.option("--runner", metavar="ID", help="Which run, where the recording holds several.")
@click.option("--start", type=float, metavar="SECONDS", help="Leave out what came before (from the start).")
@click.option("--end", type=float, metavar="SECONDS", help="Leave out what came after (from the start).")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Times the recorded pace.  [1]")
@click.option("--asap", is_flag=True, help="As fast as causes and receivers allow.")
@click.option("--step", type=click.Choice(["message", "epoch"]), help="One at a time, by key.")
@click.option("--loop", is_flag=True, help="Over and over (--publish, --to view).")
@click.option(
    "--late",
    type=click.Choice(["burst", "skip", "slip"]),
    help="When behind: send at once, leave out, or move all that follows.  [slip; --publish: burst]",
)
@click.option("--remap", metavar="OLD=NEW", multiple=True, help="Give a node another name in the live tube.")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Longest wait; 0: no limit.")
@click.option("--trust-recording", is_flag=True, help="Let peers unpickle what the recording holds.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("--tube", metavar="FILE", help="[command] The tube that the node is part of: a file or an id.")
@click.option("--input", "inputs", metavar="NAME=JSON", multiple=True, help="[command] The tube's own input.")
@click.option("--python", metavar="PATH", help="[command] The interpreter that has noob and the tube's code.")
@click.option(
    "--directory", type=click.Path(path_type=Path, file_okay=False), help="[command] Where to run it."
)
@click.option("--debugger", type=click.Choice(["debugpy", "pdb"]), help="[command] Start the node under it.")
@click.option("--debug-port", type=int, default=5678, show_default=True, help="[command] For debugpy.")
@click.option("--print-addresses", is_flag=True, help="[command] Start nothing: say how to start the node.")
@click.option("--noob-version", metavar="X.Y.Z", help="[command] The noob of a node started by hand.")
@click.option(
    "--start-timeout",
    type=click.FloatRange(0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="[command] Longest wait for the node to be ready.",
)
@click.option(
    "--ignore", metavar="PATH", multiple=True, help="[command] Don't compare result.items[0].x, **.t"
)
@click.option("--ignore-order", is_flag=True, help="[command] Outputs may come in any order.")
@click.option(
    "--rtol", type=click.FloatRange(0), default=0.0, help="[command] Relative tolerance of numbers."
)
@click.option(
    "--atol", type=click.FloatRange(0), default=0.0, help="[command] Absolute tolerance of numbers."
)
@click.option("--command-outbox", metavar="ADDRESS", help="[nodes] Where the real command node publishes.")
@click.option("--command-router", metavar="ADDRESS", help="[nodes] Where nodes report to it.")
@click.option("--runner-id", metavar="ID", help="[nodes] Find both in noob's runtime directory.")
@click.option(
    "--subscribers", type=click.IntRange(0), default=1, show_default=True, help="[publish] Wait for."
)
def command(file: Path, filter_text: tuple[str, ...], **options: Any) -> int:
    """Play a recording again. FILTER and ranges choose a part of it.

    \b
    --as command --node b   feed one real node what it got, compare what it does  (0 same, 1 different)
    --as nodes              answer a real command node as the recorded nodes did  (0 all answered, 1 not)
    --publish ADDRESS       publish again for any subscriber
    --to view               watch it in the terminal app

    Exits with 2 if it could not run. A peer that is real noob unpickles what it gets; so pickles other than
    plain data and arrays are only sent with --trust-recording.

    \b
    Examples:
      tubetap replay bug.mcap --as command --node b --tube tube.yaml --asap
      tubetap replay bug.mcap --as command --node b --tube tube.yaml --debugger pdb
      tubetap replay run.mcap --as nodes --runner-id 1a2b3c4d
      tubetap replay run.mcap --publish tcp://127.0.0.1:7000 'from:camera' --rate 2
      tubetap replay run.mcap --to view --rate 0.5
    """
    mode_of(click.get_current_context())
    if options["asap"] and options["rate"]:
        raise click.UsageError("--asap and --rate exclude each other")
    with _ended_politely():
        return Replay(file, " ".join(filter_text), options).run()


class Replay:
    """One call of the verb: options read, a mode picked, the outcome printed."""

    def __init__(self, file: Path, filter_text: str, options: dict[str, Any]) -> None:
        self._file = file
        self._filter_text = filter_text
        self._options = options
        self._nodes = [name for given in options["nodes"] for name in given.split(",") if name]
        self._remap = _pairs(options["remap"], "--remap")

    def run(self) -> int:
        """Do it; the exit code."""
        from recordings.filters import parse
        from recordings.recording import Recording

        parse(self._filter_text)
        if self._options["to"]:
            return self._view()
        with Recording.open(self._file) as recording:
            if self._options["address"]:
                return self._publish(recording)
            return (
                self._as_command(recording)
                if self._options["role"] == "command"
                else self._as_nodes(recording)
            )

    def _as_command(self, recording: "Recording") -> int:
        from recordings.replay import CommandOptions, Tolerance, parse_pattern, release_of, replay_as_command

        if len(self._nodes) != 1:
            raise click.UsageError("--as command needs one node: --node NAME")
        options = self._options
        if options["late"] == "skip":
            raise click.UsageError("--late skip would give the node something else than it got")
        traffic = self._traffic(recording)
        debugging = options["debugger"] is not None
        with self._keys() as keys:
            start, version = self._starter(recording, traffic)
            verdict = replay_as_command(
                traffic,
                self._nodes[0],
                start,
                CommandOptions(
                    pace=self._pace("slip"),
                    timeout_ns=None if debugging else self._timeout(10),
                    start_timeout_ns=None if debugging else _nanoseconds(options["start_timeout"]),
                    remap=self._remap,
                    release=release_of(version) if version else CommandOptions().release,
                    ignore=tuple(parse_pattern(text) for text in options["ignore"]),
                    ignore_order=options["ignore_order"],
                    tolerance=Tolerance(options["rtol"], options["atol"]),
                    trust_recording=options["trust_recording"],
                ),
                say=say,
                controls=keys,
            )
        self._print(verdict.lines(), verdict.to_json())
        return 0 if verdict else 1

    def _starter(
        self, recording: "Recording", traffic: "Traffic"
    ) -> tuple[Callable[["Addresses"], contextlib.AbstractContextManager["NodeProcess | None"]], str]:
        from tubetap.replay_target import Target, find_python, find_tube

        options = self._options
        if options["print_addresses"]:
            return self._told_how(), options["noob_version"] or ""
        traffic.require(self._nodes[0])
        tube = find_tube(recording, options["tube"], trusted=options["trust_recording"])
        python, version = find_python(options["python"])
        target = Target(
            python,
            tube,
            inputs={
                name: _json_or_text(value) for name, value in _pairs(options["inputs"], "--input").items()
            },
            directory=options["directory"],
            debugger=options["debugger"],
            debug_port=options["debug_port"],
        )
        return target.start, version

    def _told_how(self) -> Callable[["Addresses"], contextlib.AbstractContextManager[None]]:
        from tubetap.replay_target import Target

        target = Target(self._options["python"] or "python", self._options["tube"] or "TUBE.yaml")

        @contextlib.contextmanager
        def tell(addresses: "Addresses") -> Iterator[None]:
            click.echo(f"command outbox: {addresses.command_outbox}", err=True)
            click.echo(f"command router: {addresses.command_router}", err=True)
            # Its socket is in our private folder, and is gone with it.
            command = ["env", f"NOOB_TMP_DIR={addresses.runtime_dir}", *target.command(addresses)]
            click.echo(f"start the node with: {shlex.join(command)}", err=True)
            yield

        return tell

    def _as_nodes(self, recording: "Recording") -> int:
        from recordings.replay import NodesOptions, replay_as_nodes

        outbox, router = self._command_addresses()
        if self._options["late"] is not None:
            raise click.UsageError("--late has no meaning here: the command node sets the pace")
        with self._keys() as keys:
            conversation = replay_as_nodes(
                self._traffic(recording),
                outbox,
                router,
                NodesOptions(
                    nodes=tuple(self._nodes),
                    pace=self._pace("slip"),
                    timeout_ns=self._timeout(60),
                    remap=self._remap,
                    trust_recording=self._options["trust_recording"],
                ),
                say=say,
                controls=keys,
            )
        self._print(conversation.lines(), conversation.to_json())
        return 0 if conversation else 1

    def _command_addresses(self) -> tuple[str, str]:
        outbox, router = self._options["command_outbox"], self._options["command_router"]
        if self._options["runner_id"]:
            place = f"{_runtime_directory()}/{self._options['runner_id']}/command"
            return outbox or f"ipc://{place}/outbox", router or f"ipc://{place}/inbox"
        if outbox and router:
            return outbox, router
        raise click.UsageError(
            "where is the command node? --runner-id ID, or --command-outbox and --command-router"
        )

    def _publish(self, recording: "Recording") -> int:
        from recordings.replay import Published, PublishOptions, publish

        published = Published()
        try:
            with self._keys() as keys:
                publish(
                    self._traffic(recording),
                    self._options["address"],
                    PublishOptions(
                        pace=self._pace("burst"),
                        subscribers=self._options["subscribers"],
                        loop=self._options["loop"],
                        timeout_ns=self._timeout(0),
                        remap=self._remap,
                        trust_recording=self._options["trust_recording"],
                    ),
                    say=say,
                    controls=keys,
                    published=published,
                )
        finally:  # also when it is interrupted, which is how a loop ends
            if published.sent or published.rounds:
                self._print(published.lines(), published.to_json())
        return 0

    def _view(self) -> int:
        from recordings.replay.playback import Playback, PlayingRecording
        from tubetap.playing import PlayingApp

        options = self._options
        if options["asap"]:
            raise click.UsageError("--asap leaves nothing to see: give a --rate, or use tubetap view")
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError("--to view needs a terminal")
        recording = PlayingRecording.load(self._file)
        with recording:
            playback = Playback(
                recording,
                first_ns=_after(recording.first_ns, options["start"]),
                last_ns=_after(recording.first_ns, options["end"]),
                speed=options["rate"] or 1.0,
                loop=options["loop"],
            )
            app = PlayingApp(playback, filter=self._filter_text)
            app.run()
        return app.return_code or 0

    def _traffic(self, recording: "Recording") -> "Traffic":
        from recordings.replay import Traffic, choose

        chosen = choose(
            recording,
            self._filter_text,
            start_ns=_after(0, self._options["start"]),
            end_ns=_after(0, self._options["end"]),
        )
        return Traffic(recording, runner=self._options["runner"], chosen=chosen)

    def _pace(self, late: Literal["burst", "slip"]) -> "Pace":
        from recordings.replay import Pace

        speed = None if self._options["asap"] else self._options["rate"] or 1.0
        return Pace(speed, self._options["late"] or late, self._options["step"])

    def _timeout(self, default: float) -> int | None:
        given = self._options["timeout"]
        return _nanoseconds(default if given is None else given) or None

    @contextlib.contextmanager
    def _keys(self) -> Iterator["Controls | None"]:
        from tubetap.cli.keyboard import Keyboard

        if self._options["step"] is None:
            yield None
            return
        if self._options["debugger"] == "pdb":
            raise click.UsageError("--step and --debugger pdb both want the keyboard: use one of them")
        say(KEYS_HELP)
        with Keyboard(KEYS) as keyboard:
            yield keyboard

    def _print(self, lines: Iterator[str], data: dict[str, Any]) -> None:
        if self._options["as_json"]:
            click.echo(json.dumps(data, indent=2))
        else:
            for line in lines:
                click.echo(line)


def _nanoseconds(seconds: float, zero: int | None = None) -> Any:
    return round(seconds * 1e9) or zero


def _after(begin_ns: int, seconds: float | None) -> int | None:
    return None if seconds is None else begin_ns + round(seconds * 1e9)


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.UsageError(f"{option} {text}: write it as NAME=VALUE")
        pairs[name] = value
    return pairs


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _runtime_directory() -> str:
    """Where noob keeps its sockets, as its own configuration says."""
    import platformdirs

    with warnings.catch_warnings():  # about a missing XDG_RUNTIME_DIR, which noob copes with in the same way
        warnings.simplefilter("ignore")
        return os.environ.get("NOOB_TMP_DIR") or platformdirs.user_runtime_dir("noob", "noob")


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end us the way Ctrl-C does, so that nothing is left behind."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
