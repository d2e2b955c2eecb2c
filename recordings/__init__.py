"""The recording: writing, reading and following the file, and the questions asked of it.

- `recordings.writer`, `recordings.rotation`, `recordings.ring`: RecordingWriter, RotatingWriter, RingWriter;
- `recordings.recording`: Recording, for files that are finished, cut off or still growing, with its
  `recordings.rows` and its `recordings.session`; `recordings.maintain`: repair;
- `recordings.records`: the plain data that goes in and comes out; `recordings.errors`: what can go wrong;
- `recordings.layout`: what the file consists of; `recordings.block`: how it is read without its payloads.

Import the modules; this package itself imports nothing.
"""
