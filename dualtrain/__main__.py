"""`python -m dualtrain` is the command `dualtrain`."""

from dualtrain.cli import main

main()
