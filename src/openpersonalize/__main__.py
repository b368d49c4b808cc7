"""`python -m openpersonalize`: the same command line as `openpersonalize`."""

from openpersonalize.cli import main

main()
