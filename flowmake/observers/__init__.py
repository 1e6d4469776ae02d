"""Listeners to events: they show, log and notify. None of them judges, and no failure of theirs ends a run."""
