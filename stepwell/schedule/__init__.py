"""What is started at a time: EventBridge Scheduler's schedules, kept in the store and carried out by this server."""
