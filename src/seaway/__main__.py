"""`python -m seaway`: the same as the command `seaway`."""

from seaway.cli.main import main

if __name__ == "__main__":
    main()
