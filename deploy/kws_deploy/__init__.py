"""The deploy side of kws: from a trained model to what runs on the board.

`students` are networks made for small cores; `distill` trains one from labels and a teacher.
"""
