"""What the benchmarks share: listening, mixing, environments, emulation, results."""
