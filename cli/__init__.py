"""The commands of `imgtools`, one a file."""
