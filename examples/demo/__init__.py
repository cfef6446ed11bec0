"""`make demo`: train two models on real data, serve them, ask them, and swap one while clients keep asking."""
