"""A trained net in use: evaluate, predict, export, check its labels."""
