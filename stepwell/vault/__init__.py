"""The vault: sealed values, the references that stand for them, their keys and their refreshers."""
