# Two commands to begin with: make demo, make test.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DATA ?= ../shared/audio
COMMANDS = yes,no,up,down,left,right,on,off,stop,go

.PHONY: demo test test-slow lint models words commands clean

demo: $(VENV)/.kws
	@echo
	@echo "Spotting commands in demo/synthesized_commands.wav (a synthesized voice says 13 words):"
	@$(BIN)/kws spot demo/synthesized_commands.wav
	@echo
	@echo "Your own file:   $(BIN)/kws spot your.wav    Your microphone: $(BIN)/pip install '.[mic]' && $(BIN)/kws listen"
	@echo "Your own words:  $(BIN)/pip install '.[train]' && $(BIN)/kws train --data recordings --output model.tflite   (README: The maker)"

# Files of tests side by side: TensorFlow uses one core and a half, and many tests start processes.
test: $(VENV)/.kws-test lint
	$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile

test-slow: $(VENV)/.kws-test
	$(BIN)/python -m pytest

lint: $(VENV)/.kws-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The models in the package, from the recordings in $(DATA) and the log-mel images in $(FEATURES):
# the word base first (two hours on two cores; it goes on where it was stopped), then a teacher that
# goes on from it for ten commands, and two students of both (an hour each). kws/models/README.md
# says how those in the package differ.
FEATURES ?= build/features.npz
models: words
	$(MAKE) commands
words: $(FEATURES)
	mkdir -p build
	$(BIN)/kws pretrain --features $(FEATURES) --noise $(DATA)/noise/speech_commands \
	  --negatives $(DATA)/speech/orders --output build/begun.tflite
	$(BIN)/kws pretrain --start build/begun.tflite --features $(FEATURES) \
	  --noise $(DATA)/noise/speech_commands $(DATA)/sounds --negatives $(DATA)/speech/orders \
	  --speech $(DATA)/speech_commands_train/training $(DATA)/speech_commands_words $(DATA)/speech/orders \
	  $(DATA)/wake_words/computer $(DATA)/wake_words/smart_mirror --output kws/models/words.tflite
commands: $(FEATURES)
	mkdir -p build
	$(BIN)/kws pretrain --start kws/models/words.tflite --keywords $(COMMANDS) --synthesize 0 \
	  --features $(FEATURES) --noise $(DATA)/noise/speech_commands \
	  --negatives $(DATA)/speech/orders --output build/teacher.tflite
	for student in temporal-100k:commands temporal-30k:commands-small; do \
	  $(BIN)/kws distill build/teacher.tflite kws/models/words.tflite --keywords $(COMMANDS) \
	    --student $${student%%:*} --epochs 16 --features $(FEATURES) \
	    --data $(DATA)/speech_commands_train $(DATA)/speech_commands_words \
	    --judge $(DATA)/speech_commands --noise $(DATA)/noise/speech_commands \
	    --negatives $(DATA)/speech/orders --output kws/models/$${student##*:}.tflite \
	    --float build/$${student##*:}.tflite || exit 1; \
	done
# Made once: a file of your own is left as it is.
$(FEATURES): | $(VENV)/.kws-test
	mkdir -p $(dir $(FEATURES))
	$(BIN)/pip install -q pillow
	$(BIN)/python $(DATA)/../speech_commands_features/unpack.py $(FEATURES).part.npz
	mv $(FEATURES).part.npz $(FEATURES)

# The stamps are newer than pyproject.toml when what it asks for is installed.
$(VENV)/.kws: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "kws needs Python 3.11 to 3.13: make PYTHON=python3.12 demo")'
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/.kws-test: pyproject.toml $(VENV)/.kws
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test,lint]'
	touch $@

clean:
	rm -rf $(VENV) build
