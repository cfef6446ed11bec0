"""Tells people and programs about alerts: renders messages, delivers them by channel, keeps what could not be sent."""
