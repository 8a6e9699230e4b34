"""HTTP as state machines call it: whom, with what, and what comes back."""
