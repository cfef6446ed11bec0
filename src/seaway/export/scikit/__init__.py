"""scikit-learn estimators and pipelines: as a SavedModel where TensorFlow's operations say the same, else as ONNX."""

from __future__ import annotations
