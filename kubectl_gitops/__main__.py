"""kubectl runs this as ``kubectl gitops …``; ``python -m kubectl_gitops`` does too."""

from __future__ import annotations

from kubectl_gitops.cli.frame import gitops


def main() -> None:
    """Run the command line of this process, and exit as :mod:`kubectl_gitops.cli.failures` says."""
    gitops.main()


if __name__ == "__main__":
    main()
