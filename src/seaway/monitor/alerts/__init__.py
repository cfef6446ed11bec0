"""Rules over the store, the states of their alerts, and silences."""
