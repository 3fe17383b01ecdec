"""How bytes reach a dialect."""
