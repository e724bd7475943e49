"""The entry point of the command `derive` and of `python -m derive`."""

import atexit
import contextlib
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; an interrupt is one line even while modules are still loading."""
    codes = list[object]()
    atexit.register(_leave, codes)  # what is registered first is done last
    try:
        from derive.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("derive: interrupted\n")
        codes.append(INTERRUPTED)
        sys.exit(INTERRUPTED)
    except SystemExit as ended:
        codes.append(ended.code)
        raise


def _leave(codes: list[object]) -> None:
    """End with the code of an interrupt.

    `python -m` would end by the signal, although it was caught, where it came while a library
    executed a text.
    """
    if INTERRUPTED in codes:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
