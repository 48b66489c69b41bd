"""`python -m neuroswitch`, and with it `torchrun -m neuroswitch`: the command line by its module name."""

from neuroswitch.cli import main

if __name__ == "__main__":
    main()
