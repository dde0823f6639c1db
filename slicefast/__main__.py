"""`python -m slicefast` is the command `slicefast`."""

from slicefast.cli import main

if __name__ == "__main__":
    main()
