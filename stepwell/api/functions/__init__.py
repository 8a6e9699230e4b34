"""The functions of this server for clients of AWS Lambda, and their logs."""
