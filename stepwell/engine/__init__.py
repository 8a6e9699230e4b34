"""Drives machines: takes stimuli in, commits turns, then carries out their effects."""
