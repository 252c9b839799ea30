# Two commands to begin with: make demo, make test. All of them: make help.

# A shell in which these are set hides how the output is written elsewhere, and compiles every start.
unexport PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
DEVICE_VENV ?= .venv-device
BIN = $(VENV)/bin
DATA ?= ../shared/audio
COMMANDS = yes,no,up,down,left,right,on,off,stop,go

.PHONY: demo test test-device test-reach test-slow lint docs package minimal-root lock locked audit models words commands running-speech wake-words phonemes clean help

demo: $(VENV)/.kws ## spot ten commands in the demo recording; sets up .venv
	@echo
	@echo "Spotting commands in demo/synthesized_commands.wav (a synthesized voice says 13 words):"
	@$(BIN)/kws spot demo/synthesized_commands.wav
	@echo
	@echo "Your own file:   $(BIN)/kws spot your.wav    Your microphone: $(BIN)/pip install '.[mic]' && $(BIN)/kws listen"
	@echo "Your own words:  $(BIN)/pip install '.[train]' && $(BIN)/kws train --data recordings --output model.tflite   (docs/train.md)"

# Files of tests side by side: TensorFlow uses one core and a half, and many tests start processes.
test: $(VENV)/.kws-test lint ## lint, and all tests but the slow ones; ends with what was skipped and why
	$(BIN)/python -m pytest -m "not slow and not reach" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# In an environment of its own, without TensorFlow.
test-device: $(DEVICE_VENV)/.kws-test-device ## the tests of the device side, on what a device has; one minute
	$(DEVICE_VENV)/bin/python -m pytest tests/kws -m "not slow and not reach" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# One after the other: a browser and a broker have little patience on a busy machine.
test-reach: $(VENV)/.kws-test-reach ## the tests against other systems: a browser, a broker, compilers, emulators
	$(BIN)/python -m pytest -m reach

test-slow: $(VENV)/.kws-test-reach ## all tests, the slow ones too
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.kws-test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The sources are read, not imported: neither TensorFlow nor kws itself is needed.
docs: $(VENV)/.kws-docs ## the documentation site in build/docs; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

package: ## build wheel and sdist in dist/; install each into an empty environment and check it there
	PYTHON=$(PYTHON) scripts/check_package.sh

minimal-root: ## make demo and make test in a minimal Debian root; needs root rights
	scripts/minimal_root.sh

# What development installs, every file by its digest, for all Pythons and machines: `make locked`
# installs these very versions into .venv, and `make test`, `lint` and `docs` take them as they are.
# uv does not look at the latest Python that a package is for: backports-strenum 1.3 is for 3.10.
LOCK = packaging/development.txt
lock: ## pin what development needs anew, with digests
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install -q --disable-pip-version-check uv==0.13.9
	echo 'backports-strenum<1.3' >build/lock/constraints.txt
	build/lock/bin/uv pip compile -q --upgrade --constraints build/lock/constraints.txt --generate-hashes --universal --no-annotate --no-config \
	  --python-version 3.11 --custom-compile-command "make lock" \
	  --extra audit --extra docs --extra lint --extra test pyproject.toml --output-file $(LOCK)

locked: ## .venv with what is pinned, each file checked by its digest
	$(RIGHT_PYTHON)
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r packaging/development.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(VENV)/.kws $(VENV)/.kws-test $(VENV)/.kws-docs

audit: locked ## known vulnerabilities of what is pinned; asks a database on the network
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r $(LOCK)

# The models in the package, from the recordings in $(DATA) and the log-mel images in $(FEATURES):
# the word base first (two hours on two cores; it goes on where it was stopped), then a teacher that
# goes on from it for ten commands, and two students of both (an hour each). docs/models.md says how
# those in the package differ.
FEATURES ?= build/features.npz
models: words ## train the models in the package again: four hours
	$(MAKE) commands
words: $(FEATURES) ## train the word base of the models
	mkdir -p build
	$(BIN)/kws pretrain --features $(FEATURES) --noise $(DATA)/noise/speech_commands \
	  --negatives $(DATA)/speech/orders --output build/begun.tflite
	$(BIN)/kws pretrain --start build/begun.tflite --features $(FEATURES) \
	  --noise $(DATA)/noise/speech_commands $(DATA)/sounds --negatives $(DATA)/speech/orders \
	  --speech $(DATA)/speech_commands_train/training $(DATA)/speech_commands_words $(DATA)/speech/orders \
	  $(DATA)/wake_words/computer $(DATA)/wake_words/smart_mirror --output kws/models/words.tflite
commands: $(FEATURES) ## train the models of ten commands from the word base
	mkdir -p build
	$(BIN)/kws pretrain --start kws/models/words.tflite --keywords $(COMMANDS) --synthesize 0 \
	  --features $(FEATURES) --noise $(DATA)/noise/speech_commands \
	  --negatives $(DATA)/speech/orders --output build/teacher.tflite
	for student in temporal-100k:commands temporal-30k:commands-small; do \
	  $(BIN)/kws distill build/teacher.tflite kws/models/words.tflite --keywords $(COMMANDS) \
	    --student $${student%%:*} --epochs 16 $(STUDENTS) --negatives $(DATA)/speech/orders \
	    --output build/begun-$${student##*:}.tflite || exit 1; \
	done
	$(MAKE) running-speech BEGUN=build/begun-
# Students go on in running speech: BEGUN= (nothing) goes on from those in the package, in minutes.
BEGUN ?=
running-speech: $(FEATURES) ## go on with the models of ten commands in running speech
	$(BIN)/kws distill $(BEGUN)commands$(if $(BEGUN),.tflite) \
	  --start $(BEGUN)commands$(if $(BEGUN),.tflite) --epochs 2 $(STUDENTS) $(RUNNING) \
	  --output build/commands.tflite
	$(BIN)/kws distill $(BEGUN)commands$(if $(BEGUN),.tflite) kws/models/words.tflite \
	  --start $(BEGUN)commands-small$(if $(BEGUN),.tflite) --epochs 3 $(STUDENTS) $(RUNNING) \
	  --output build/commands-small.tflite
	mv build/commands.tflite build/commands-small.tflite kws/models
STUDENTS = --features $(FEATURES) --data $(DATA)/speech_commands_train $(DATA)/speech_commands_words \
  --test-data $(DATA)/speech_commands --noise $(DATA)/noise/speech_commands
RUNNING = --keywords $(COMMANDS) --sentences 2000 --negatives $(DATA)/speech/orders $(DATA)/wake_words/computer \
  $(DATA)/wake_words/smart_mirror $(DATA)/arabic_speech_commands
# The wake words in the package, from the recordings in $(DATA) whose licence allows it, and from what
# espeak-ng, flite, festival, pico and hibari say. Half of the recordings of "computer" are left to
# judge it (docs/cards).
WAKE ?= build/wake_words
OTHERS = $(DATA)/speech/orders $(DATA)/wake_words/smart_mirror $(DATA)/arabic_speech_commands \
  $(DATA)/speech_commands_words $(DATA)/speech_commands_train
wake-words: $(VENV)/.kws-test ## train the wake words of the package again: a quarter of an hour
	rm -rf $(WAKE)
	mkdir -p $(WAKE)/train/computer $(WAKE)/test/computer
	ln -s $(abspath $(DATA))/wake_words/computer/[0-7]* $(WAKE)/train/computer
	ln -s $(abspath $(DATA))/wake_words/computer/[89a-f]* $(WAKE)/test/computer
	sed -n '1p; s#^wake_words/computer/#computer/#p' $(DATA)/manifest.csv > $(WAKE)/train/manifest.csv
	$(BIN)/kws train --wake-word computer --positives $(WAKE)/train/computer \
	  --negatives $(OTHERS) --noise $(DATA)/noise/speech_commands $(DATA)/sounds --ensemble 1 \
	  --output kws/models/computer.tflite
	$(BIN)/kws train --wake-word "hey device" \
	  --negatives $(OTHERS) $(DATA)/wake_words/computer --noise $(DATA)/noise/speech_commands $(DATA)/sounds \
	  --false-accepts-per-hour 0.1 --output kws/models/hey_device.tflite
phonemes: $(VENV)/.kws-test $(FEATURES) ## train the phoneme network of the package again: two hours
	$(BIN)/kws pretrain --task phonemes --features $(FEATURES) \
	  --noise $(DATA)/noise/speech_commands $(DATA)/sounds --output kws/models/phonemes.tflite
# Made once: a file of your own is left as it is.
$(FEATURES): | $(VENV)/.kws-test
	mkdir -p $(dir $(FEATURES))
	$(BIN)/pip install -q pillow
	$(BIN)/python $(DATA)/../speech_commands_features/unpack.py $(FEATURES).part.npz
	mv $(FEATURES).part.npz $(FEATURES)

# The stamps are newer than pyproject.toml when what it asks for is installed.
RIGHT_PYTHON = @$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "kws needs Python 3.11 to 3.13: make PYTHON=python3.12 demo")'

$(VENV)/.kws: pyproject.toml
	$(RIGHT_PYTHON)
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/.kws-test: pyproject.toml $(VENV)/.kws
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test,lint]'
	touch $@

$(VENV)/.kws-test-reach: pyproject.toml $(VENV)/.kws-test
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test-reach]'
	touch $@

$(VENV)/.kws-docs: pyproject.toml $(VENV)/.kws
	$(BIN)/pip install -q --disable-pip-version-check -e '.[docs]'
	touch $@

$(DEVICE_VENV)/.kws-test-device: pyproject.toml
	$(RIGHT_PYTHON)
	test -x $(DEVICE_VENV)/bin/pip || $(PYTHON) -m venv $(DEVICE_VENV)
	$(DEVICE_VENV)/bin/pip install -q --disable-pip-version-check -e '.[test-device]'
	touch $@

clean: ## remove the environments and all that was built
	rm -rf $(VENV) $(DEVICE_VENV) build dist

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
