"""JSONata, as Step Functions speaks it: expressions between `{%` and `%}`, `$states`, and AWS's own functions."""
