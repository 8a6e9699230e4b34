"""What executions would have cost on AWS: what they used, counted from their histories, at a table of prices."""
