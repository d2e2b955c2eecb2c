"""Wire to typed values: everything that turns bytes into meaning, free of I/O and side effects.

From the outside in:

- `decoders.zmtp`: the bytes of a connection as ZMTP events, multipart messages among them;
- `decoders.envelope`: type, sender, time and epoch of a noob message, without its value;
- `decoders.summary`: a message in one line;
- `decoders.messages`, `decoders.events`, `decoders.epochs`: noob's messages as typed models;
- `decoders.pickles`, `decoders.arrays`: pickled values read as symbols, never run, and the numbers in them;
- `decoders.registry`, `decoders.interface`: any message as a tree (`decoders.tree`), by who fits best;
- `decoders.text`: the one sanitiser of what is shown.

All of it is total: what can't be decoded becomes a value with a reason. Import the modules; this package
itself imports nothing, so that whoever needs the ZMTP parser alone pays for nothing else.
"""
