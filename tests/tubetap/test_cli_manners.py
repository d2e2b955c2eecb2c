"""What all verbs have in common: help with examples, quiet pipes, one line for a mistake, and guides whose
commands exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.support_cli import Tubetap
from tests.support_sample_files import record_sample
from tubetap.cli import VERBS
from tubetap.cli import tubetap as group

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS_NO_EXAMPLE = {"completion", "serve"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


def verb(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None, f"there is no verb {name}"
    return found


@pytest.mark.parametrize("name", VERBS)
def test_help_has_examples_that_parse(tubetap: Tubetap, name: str) -> None:
    result = tubetap(name, "--help")
    assert result.code == 0
    text = verb(name).help or ""
    examples = [line.strip() for line in text.splitlines() if line.strip().startswith(f"tubetap {name}")]
    assert examples or name in NEEDS_NO_EXAMPLE
    for example in examples:
        parse(example)


def parse(line: str) -> None:
    """Let click read a command line as typed, up to a pipe or a comment, without running it."""
    words = shlex.split(line, comments=True)
    for stop in ("|", ">", ">>", "<", "&&", ";", "&"):
        if stop in words:
            words = words[: words.index(stop)]
    assert words[0] == "tubetap"
    if words[1].startswith("-"):
        return
    command = verb(words[1])
    for word in words[2:]:
        if re.fullmatch(r"[\w-]+\.(mcap|yaml|toml)", word):
            Path(word).touch()
    try:
        command.make_context(
            words[1], [word for word in words[2:] if word != "..."], ignore_unknown_options=False
        )
    except click.exceptions.Exit:
        pass
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")


def commands_of(text: str) -> list[str]:
    """The lines of code blocks that are commands of tubetap's."""
    found = []
    in_block = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            in_block = not in_block
        elif (in_block or line.startswith("    ")) and re.match(r"\s*tubetap \w", line):
            found.append(line.strip())
    return found


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_commands_in_the_guides_parse(guide: Path) -> None:
    for line in commands_of(guide.read_text("utf-8")):
        parse(line)


@pytest.mark.parametrize(
    "arguments",
    [
        ("cat",),
        ("cat", "--json"),
        ("info",),
        ("info", "--json"),
        ("export", "--format", "jsonl"),
        ("export", "--format", "csv", "-o", "-"),
        ("export", "--format", "mermaid"),
    ],
    ids=" ".join,
)
def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = record_sample(tmp_path / "run.mcap")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "tubetap", arguments[0], str(path), *arguments[1:]],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.mcap"]


@pytest.mark.parametrize("name", ["cat", "info", "slice", "merge", "recover", "export", "redact", "report"])
def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(tubetap: Tubetap, name: str) -> None:
    more = {
        "slice": ["x.mcap"],
        "merge": ["-o", "x.mcap"],
        "recover": ["x.mcap"],
        "redact": ["x.mcap"],
        "export": ["--format", "csv"],
    }
    result = tubetap(name, "/nowhere/run.mcap", *more.get(name, []))
    assert result.code == 2
    assert result.out == ""
    assert re.fullmatch(r"tubetap: [^\n]*/nowhere/run\.mcap[^\n]*\n", result.err)
