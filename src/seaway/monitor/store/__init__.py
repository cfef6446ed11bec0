"""What is kept: SQLite with rollups, bounded in age and size."""
