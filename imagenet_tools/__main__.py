"""`python -m imagenet_tools` is `imgtools`."""

from imagenet_tools.cli.main import main

main()
