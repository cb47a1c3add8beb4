"""`python -m digitgan` is the command `digitgan`."""

from digitgan.cli import main

if __name__ == "__main__":
    main()
