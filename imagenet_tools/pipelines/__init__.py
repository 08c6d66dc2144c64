"""What a preprocessing pipeline is made of, how a spec names it, and how it runs on an image."""
