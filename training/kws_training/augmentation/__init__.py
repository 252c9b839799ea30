"""What is done to recordings so that a network meets more than was recorded."""
