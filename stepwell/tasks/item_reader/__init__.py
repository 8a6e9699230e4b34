"""The formats that a distributed Map reads its items from: one file a format."""
