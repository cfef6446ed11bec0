"""Generated dashboards and rules."""
