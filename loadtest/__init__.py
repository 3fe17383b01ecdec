"""Measuring a Starling server from outside: accuracy, delay and load, over its own protocol."""
