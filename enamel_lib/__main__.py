"""`python -m enamel_lib` is `enamel`."""

from enamel_lib.cli.app import main

if __name__ == "__main__":
    main()
