"""What is let in, and what is refused: by what the server can do (`gate`), and as AWS would refuse it (`quotas`)."""
