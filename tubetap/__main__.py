"""`python -m tubetap`: the same as the `tubetap` command."""

from tubetap.cli import main

main()
