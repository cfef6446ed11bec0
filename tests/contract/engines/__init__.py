"""Every engine must do the same."""
