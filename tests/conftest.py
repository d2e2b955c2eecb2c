"""What all tests need: signals as a terminal has them, and the same examples every time."""

import os
import signal

from hypothesis import settings

# What passes, passes again; a long look with FUZZ_EXAMPLES (`tests/support_fuzz.py`) is for new finds.
settings.register_profile("tubetap", deadline=None, derandomize="FUZZ_EXAMPLES" not in os.environ)
settings.load_profile("tubetap")

# A shell that starts us in the background has us ignore these, and all that the tests start would inherit it.
for _number, _handler in {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}.items():
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
