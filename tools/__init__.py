"""Programs that make committed data; run by hand, never part of the wheel."""
