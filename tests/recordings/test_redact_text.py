"""What the rules find in text and JSON, and what they leave alone."""

import base64
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.redaction.pseudonyms import Pseudonyms
from recordings.redaction.rules import Rules, RulesError, describe, parse_rules
from recordings.redaction.scrubber import Scrubber

KEY = b"k" * 32


def scrubber(text: str = "") -> Scrubber:
    return Scrubber(parse_rules(text) if text else Rules(), Pseudonyms(KEY))


NOBODYS_HOMES = ("/home/" + "user", "/home/" + "runner", "/" + "root")
"""Homes whose names say nothing about a person."""


@pytest.mark.parametrize(
    ("text", "secret", "category"),
    [
        ("see /home/alice/lab/x.py", "alice", "user"),
        ("/Users/bob.smith/Library", "bob.smith", "user"),
        (r"C:\Users\carol\lab", "carol", "user"),
        (r"C:\\Users\\carol\\lab", "carol", "user"),
        ("mail dave@lab.example.org now", "dave@lab.example.org", "mail"),
        ("Authorization: Bearer abcdef0123456789xyz", "abcdef0123456789xyz", "token"),
        ("ghp_" + "a1B2" * 10, "ghp_" + "a1B2" * 10, "token"),
        ("key AKIA" + "ABCD" * 4, "AKIA" + "ABCD" * 4, "token"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "token"),
        ("postgres://erin:s3cr3t@db/x", "erin:s3cr3t", "token"),
        ("PASSWORD=hunter2", "hunter2", "secret"),
        ("db_password: 'hunter2'", "hunter2", "secret"),
        ('{"api_key": "my long key"}', "my long key", "secret"),
        ("run --token abcdef --n 3", "abcdef", "secret"),
        ("from 192.168.1.17:5555", "192.168.1.17", "240."),
        ("at fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a", "2001:db8:"),
        ("eth 3c:22:fb:01:02:03", "3c:22:fb:01:02:03", "02:"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE", "token"),
    ],
)
def test_found(text: str, secret: str, category: str) -> None:
    scrubbed = scrubber().text(text)
    assert secret not in scrubbed
    assert category in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T01:33:47.706718+00:00",
        "01:33:47.706 event a > command",
        "noob 1003.0.2 on Python 3.12.1",
        "tcp://127.0.0.1:5555 or 0.0.0.0 or ::1",
        "ipc:///tmp/runtime-1000/noob/3a9d6f8d/nodes/b/outbox",
        " and ".join(f"{home}/x" for home in NOBODYS_HOMES),
        "the tokenizer has 7 tokens per second; passing the pass",
        "value=[0.1, 0.2] at 10:20",
        "a@b",
        "std::vector",
    ],
)
def test_left_alone(text: str) -> None:
    assert scrubber().text(text) == text


def test_what_is_learnt_is_replaced_everywhere_by_the_same() -> None:
    subject = scrubber()
    subject.text("/home/alice.jones/x")
    subject.value({"password": "correct horse"})
    subject.freeze()
    stand_in = subject.text("/home/alice.jones/").split("/")[2]
    assert stand_in.startswith("user-")
    assert subject.text("ALICE.JONES said alice.jones2") == f"{stand_in} said {stand_in}2"
    assert "horse" not in subject.text("the Correct Horse battery")
    other = scrubber()
    assert other.text("/home/alice.jones/").split("/")[2] == stand_in
    assert Scrubber(Rules(), Pseudonyms()).text("/home/alice.jones/").split("/")[2] != stand_in


def test_short_names_are_not_found_inside_words() -> None:
    subject = scrubber()
    subject.text("/home/ann/x and /home/u/y")
    subject.freeze()
    assert subject.text("channel u ann") == f"channel u {subject.text('ann')}"
    assert "/u/" not in subject.text("/home/u/z")


def test_json_is_scrubbed_by_key_path_and_value() -> None:
    subject = scrubber(
        """
        [paths]
        "body.value.subject" = "pseudonym"
        "value.frames[*].raw" = "drop"
        "value.free" = "keep"
        [keys]
        more = ["pin"]
        keep = ["token_count"]
        [words]
        replace = ["Projekt X"]
        keep = ["dave@lab.example.org"]
        [patterns]
        ticket = 'LAB-(?P<value>[0-9]+)'
        """
    )
    body = {
        "value": {
            "subject": "mouse 17",
            "frames": [{"raw": "abc", "n": 1}, {"raw": "def"}],
            "free": "/home/alice/x",
            "pin": 1234,
            "pins": {"pin": ["12345", 99, None, True]},
            "token_count": 5,
            "accessToken": "xyz",
            "note": "projekt x, LAB-4711, dave@lab.example.org",
        }
    }
    subject.freeze()
    (frame,) = subject.frames([json.dumps(body).encode()])
    value = json.loads(frame)["value"]
    assert value["subject"].startswith("secret-")
    assert value["frames"] == [{"raw": None, "n": 1}, {"raw": None}]
    assert value["free"] == "/home/alice/x"
    assert value["pin"] == 0
    assert value["pins"]["pin"][0].startswith("secret-")
    assert value["pins"]["pin"][1:] == [0, None, True]
    assert value["token_count"] == 5
    assert value["accessToken"].startswith("secret-")
    assert "projekt" not in value["note"]
    assert "LAB-pattern-" in value["note"]
    assert "dave@lab.example.org" in value["note"]


def test_a_key_that_comes_twice_hides_nothing() -> None:
    (frame,) = scrubber().frames([b'{"type":"x","a":"/home/alice/","a":1}'])
    assert b"alice" not in frame


def test_json_of_python_with_nan_and_surrogates() -> None:
    payload = b'{"a":NaN,"b":"\\ud800","password":"hunter2"}'
    (frame,) = scrubber().frames([payload])
    assert b"NaN" in frame
    assert b"hunter2" not in frame


def test_pickles_and_blobs_are_summed_up() -> None:
    subject = scrubber()
    array = "pck__" + base64.b64encode(pickle.dumps({"name": "alice", "data": bytes(1000)})).decode()
    blob = base64.b64encode(bytes(range(256)) * 2).decode()
    assert subject.value([array, blob]) == [
        f"<pickle of dict with 2 keys, {len(base64.b64decode(array[5:])):,} bytes>",
        f"<base64 text, {len(blob)} characters, mark {subject.pseudonyms.digest(blob.encode())}>",
    ]
    assert subject.octets(b"\x00\x93NUMPY").startswith(b"<7 bytes, mark ")
    hidden = base64.b64encode(b"token=hunter2hunter2").decode()
    assert subject.value(hidden).startswith("<base64 text")
    harmless = base64.b64encode(b"just some words here").decode()
    assert subject.value(harmless) == harmless


def test_an_error_keeps_what_a_bug_report_is_about() -> None:
    error = {
        "err_type": ValueError,
        "err_args": ("bad /home/alice/x", 3),
        "traceback": "File /home/alice/x.py",
    }
    text = "pck__" + base64.b64encode(pickle.dumps(error)).decode()
    value = scrubber().value(text)
    assert value["err_type"] == "builtins.ValueError"
    assert value["err_args"][1] == 3
    assert "alice" not in json.dumps(value)
    assert value["traceback"].startswith("File /home/user-")


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=10,
    )
)
def test_json_without_secrets_stays_the_same(value: object) -> None:
    (frame,) = scrubber("[find]\naddresses = false\nemails = false").frames([json.dumps(value).encode()])
    assert json.loads(frame) == value


@settings(max_examples=150, deadline=None)
@given(st.text("ab.:@/-=password token\"'{}[],\\home", max_size=200))
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    subject = scrubber()
    once = subject.text(text)
    assert subject.text(once) == once


def test_hostile_text_takes_no_time() -> None:
    subject = scrubber()
    for text in ("a." * 50_000, "a@" * 50_000, "password" * 10_000, "--token" * 10_000, "1.2.3." * 20_000):
        subject.text(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[find", "no TOML"),
        ("[find]\nemail = true", "email"),
        ("[patterns]\nx = '('", "x: the regular expression is wrong"),
        ("[patterns]\nx = 'a*'", "empty text"),
        ("[paths]\n'body.a b' = 'drop'", "no step of a path"),
        ("[paths]\n'body.a' = 'erase'", "erase"),
        ("[payloads]\npickles = 'run'", "run"),
    ],
)
def test_wrong_rules_are_named(text: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        parse_rules(text)


def test_the_printed_rules_are_the_defaults() -> None:
    assert parse_rules(describe()) == Rules()
