"""The verbs around `seaway.yaml`. Each one reads the description, says what it wants, and shows what comes of it."""
