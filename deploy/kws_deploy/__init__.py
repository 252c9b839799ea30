"""The deploy side of kws: from a trained model to what runs on the board.

`students` are networks made for small cores; `distillation` trains one from labels and teachers,
`quantization` compares number formats, `check` is the gate before a release, and `c` and `onnx`
write a model in other forms.
"""
