"""What a device keeps of what it hears: recordings of detections, their labels, hours listened."""
