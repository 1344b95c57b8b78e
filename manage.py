#!/usr/bin/env python3
"""Command line entry point of the ad platform."""

import os
import sys


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - who runs an older one is told so
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "adplatform.settings")
    try:
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError:
        sys.exit(
            "Django is not installed for this Python. Set the project up first:\n"
            "  python3 -m venv .venv\n"
            "  .venv/bin/python -m pip install -r requirements.txt\n"
            "  .venv/bin/python manage.py demo"
        )
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
