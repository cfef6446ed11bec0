"""`seaway.yaml`: its keys, declared once; reading it; the pages and the schema made from the declarations."""
