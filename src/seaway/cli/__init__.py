"""The commands: `seaway` and the drop-in `tensorflow_model_server`.

A command parses, makes one call and prints; what it decides lives in the layers below. This is also one of the three
places where errors are caught: a mistake of the user becomes one line, never a traceback.
"""
