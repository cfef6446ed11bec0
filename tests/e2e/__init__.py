"""Scenarios against real server processes; SCENARIOS.md lists them by what must hold."""
