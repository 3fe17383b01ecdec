"""Wire vocabularies; each translates messages to and from the internal events."""
