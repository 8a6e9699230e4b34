"""Notifications: executions' changes of status, told to webhooks, SNS and EventBridge."""
