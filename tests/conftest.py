"""What all tests need: signals as a terminal has them."""

import signal

# A shell that starts us in the background has us ignore these, and all that the tests start would inherit it.
for _number, _handler in {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}.items():
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
