"""Opens a recording in a fresh process and says, as JSON, how long what took and what memory it needs."""

import argparse
import json
import os
import time

import psutil


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--header", default="")
    parser.add_argument("--payload", default="")
    options = parser.parse_args()
    import numpy  # noqa: F401  loading it is no part of opening a file

    from recordings.filters import parse
    from recordings.recording import Recording

    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    told: dict[str, float] = {}
    began = time.perf_counter()
    with Recording.open(options.file, follow=True) as recording:
        while not len(recording.rows):
            recording.refresh(0.05)
        told["first_rows_s"] = time.perf_counter() - began
        while recording.refresh(1.0):
            pass
        told["all_rows_s"] = time.perf_counter() - began
        told["rows"] = len(recording.rows)
        told["memory_mb"] = process.memory_info().rss / 1e6
        told["grown_mb"] = (process.memory_info().rss - before) / 1e6
        began = time.perf_counter()
        recording.frames(len(recording.rows) // 2)
        told["one_message_ms"] = (time.perf_counter() - began) * 1e3
        for name, text in (("header", options.header), ("payload", options.payload)):
            if not text:
                continue
            began = time.perf_counter()
            found = sum(len(batch) for batch in parse(text).select(recording))
            told[f"{name}_s"] = time.perf_counter() - began
            told[f"{name}_found"] = found
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
