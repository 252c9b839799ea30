"""A model file as ONNX: its network alone, or everything from samples to detections."""
