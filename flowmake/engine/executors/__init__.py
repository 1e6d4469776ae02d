"""One file per way to run tasks; all of them look the same from outside (`core.ports.Executor`)."""
