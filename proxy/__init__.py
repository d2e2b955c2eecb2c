"""In the path: the relay, the injected agent, the recorder process, and `tubetap run`."""
