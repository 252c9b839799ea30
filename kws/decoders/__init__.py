"""From the network's logits to detections and classifications: one decoder for each task."""
