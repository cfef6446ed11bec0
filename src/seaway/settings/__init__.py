"""What a server is told to do: read once at the start, then a frozen value that is passed along.

`server.ServerSettings` holds every setting, `effective.load` merges flags, environment, file and defaults into one,
`model_config` reads TensorFlow Serving's own list of models. Nothing is read when a module is imported.
"""
