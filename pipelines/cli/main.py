"""The program ``clickstream``: what a shell asks while someone types is answered before anything slow is loaded."""

from __future__ import annotations

import os


def main() -> None:
    """Completes a command line for a shell, or runs the command."""
    from pipelines.cli.completion import ASKED, answer

    if ASKED in os.environ:
        answer()
        return
    from pipelines.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
