"""`python -m rushlight`: the command line."""

from rushlight.ui.cli.main import main

if __name__ == "__main__":
    main()
