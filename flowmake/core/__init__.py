"""Pure thinking about flows: no I/O, no clock; everything comes in as values or through `ports`."""
