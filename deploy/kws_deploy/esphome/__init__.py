"""Wake words as ESPHome and everything else loads them that knows microWakeWord's manifests."""
