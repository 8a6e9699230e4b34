"""What a definition means that nobody meant: findings beyond what AWS's validation tells, for `stepwell validate`."""
