"""The training side of kws: recordings in, a streaming model file out.

Reading order: `dataset` (which file is which word, said by whom), `augment` and `features`
(windows of a stream as tap columns), `extractor` (the frozen, tapped YAMNet), `head`, `fit`,
`convert` (the stream as TFLite), `evaluate`.
"""
