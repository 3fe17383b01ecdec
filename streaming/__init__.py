"""The pure core: rules that turn audio into events, with no sockets, clock, threads or models."""
