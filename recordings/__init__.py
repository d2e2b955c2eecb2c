"""The recording: writing, reading and following the file, and the questions asked of it."""
