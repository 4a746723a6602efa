"""`python -m clearfw`: the command line."""

from clearfw.cli import main

main()
