"""The entry point of the command `derive` and of `python -m derive`."""

import sys


def main() -> None:
    """Run the command line; an interrupt is one line even while modules are still loading."""
    try:
        from derive.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("derive: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
