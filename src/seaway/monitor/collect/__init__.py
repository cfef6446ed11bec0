"""From servers to increases: discovery, scraping, the machine itself."""
