"""EventBridge Scheduler's API: schedules and their groups, for its SDKs, Terraform and the AWS CLI."""
