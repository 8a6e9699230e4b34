"""What a function may be: one small immutable description a kind. Every app module imports them: they stay light."""
