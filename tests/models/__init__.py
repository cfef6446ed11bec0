"""SavedModels which the tests, the demo and the measurements serve; built by TensorFlow in a process of its own."""
