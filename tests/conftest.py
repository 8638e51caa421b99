"""What holds for every test process."""

import signal

# Whoever started us in the background may have had us ignore Ctrl-C, and programs we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
