"""AWS services as Step Functions calls them: names, parameters, results, errors, and the calls through boto3."""
