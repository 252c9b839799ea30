"""The training side of kws: recordings in, a streaming model file out.

Reading order: `data.dataset` (which file is which word, said by whom), `networks.extractor` (the
frozen YAMNet, cut off at a tap), `commands.train` (prepare, fit, publish: as every task does),
`networks.convert` (the stream as TFLite), `evaluation.evaluate`.
"""
