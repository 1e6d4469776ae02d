"""Touching the machine: the real adapters behind `core.ports`. Knows nothing of graphs, verdicts or terminals."""
