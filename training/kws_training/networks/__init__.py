"""Networks: frozen extractors, heads, the word base; as windows and as streams; into TFLite."""
