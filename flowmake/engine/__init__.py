"""Deciding what runs when, and running it. Knows events and ports, and nothing of terminals."""
