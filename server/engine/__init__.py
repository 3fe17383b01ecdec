"""Engines that turn speech into hypotheses, and the queue in front of them."""
