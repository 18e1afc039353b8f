# Everything below works on a machine that has only Python 3.10-3.12 (with pip and venv), make and git.
PYTHON ?= python3
VENV ?= .venv
# TORCH=cpu takes torch's build without CUDA: of use on Linux alone, elsewhere it is the only one.
TORCH ?=
TORCH_INDEX := $(if $(TORCH),--extra-index-url https://download.pytorch.org/whl/$(TORCH))
# What `make test-pythons` tries: those of the promised versions that are found.
PYTHONS ?= $(shell for version in 3.10 3.11 3.12; do \
	for python in "python$$version" "$$HOME"/.pyenv/versions/$$version.*/bin/python; do \
	"$$python" -c '' 2>/dev/null && command -v "$$python" && break; done; done)
# `make test-gpu` runs on it; DEVICE=cpu is a dry run.
DEVICE ?= cuda
# A folder of packages, for a machine without a network: `make wheels` fills it on another one.
WHEELS ?=
OFFLINE := $(if $(WHEELS),--no-index --find-links $(abspath $(WHEELS)))
EXAMPLE := examples/text_classification
# The tests that need both frameworks in one process: about half of the time of all.
HALF := tests/parity
# The sides share the cores, and one thread keeps the order of every sum.
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-pythons lint docs kernels zoo fuzz mutants format parity-two-environments test-core test-wheel test-paddle-2.6 test-transformers-5 test-gpu wheels clean

help: ## list the targets
	@grep -E '^[a-z0-9.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 28

demo: $(VENV)/ready $(EXAMPLE)/data/train.csv ## the main job: one spec, both frameworks, proved alike
	$(VENV)/bin/dualtrain parity $(EXAMPLE)/spec.yaml --report report

# Two processes, of about the same length; what the first one says is printed behind the other's.
# They start hundreds, which find the sources compiled, also where PYTHONDONTWRITEBYTECODE is set.
test: $(VENV)/ready $(EXAMPLE)/data/train.csv ## all tests
	@$(VENV)/bin/python -m compileall -q dualtrain backends benchmarks
	@log=$$(mktemp); \
	$(VENV)/bin/python -m pytest $(HALF) > "$$log" 2>&1 & half=$$!; \
	$(VENV)/bin/python -m pytest $(HALF:%=--ignore=%); other=$$?; \
	wait $$half; half=$$?; cat "$$log"; rm -f "$$log"; \
	exit $$(( half > other ? half : other ))

test-pythons: ## the main job and all tests with each Python 3.10-3.12 that is found
	@test -n "$(PYTHONS)" || { echo "no Python 3.10, 3.11 or 3.12 found; name some: PYTHONS='a/bin/python b/bin/python'"; exit 2; }
	@set -e; for python in $(PYTHONS); do \
		echo "== $$($$python --version), $$python"; \
		$(MAKE) demo test PYTHON=$$python VENV=.venv-python-$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	done

lint: .venv/lint-ready ## style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pyright --pythonpath .venv/bin/python

docs: .venv/ready ## write the generated pages of docs/ from the code
	.venv/bin/python -m docs.make_spec_reference
	.venv/bin/python -m docs.make_dialects
	.venv/bin/python -m docs.make_hazard_table
	.venv/bin/python -m docs.make_schedule_table
	.venv/bin/python -m docs.make_mistake_table
	.venv/bin/python -m docs.make_optimizer_table

kernels: .venv/ready .venv-paddle-2.6/ready ## write docs/kernels.md: the frameworks' kernels against their formulas (minutes)
	.venv/bin/python -m benchmarks.kernels --python .venv-paddle-2.6/bin/python --write

zoo: .venv/ready ## write docs/zoo.md: eight models, 1,000 updates each in both frameworks (minutes)
	.venv/bin/python -m docs.make_zoo_table

fuzz: .venv/ready ## 100,000 damaged inputs, each refused or judged truly
	.venv/bin/python -m benchmarks.fuzz --count 12500

mutants: .venv/ready $(EXAMPLE)/data/train.csv ## write docs/mutants.md: faults planted one at a time, and which test finds each (an hour)
	.venv/bin/python -m benchmarks.mutants --write

format: .venv/lint-ready ## rewrite the sources in the house style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

parity-two-environments: .venv-torch/ready .venv-paddle/ready $(EXAMPLE)/data/train.csv ## the main job, each side in an environment that has only its own framework
	.venv-torch/bin/dualtrain parity $(EXAMPLE)/spec.yaml --report report-two-environments \
		--torch-python .venv-torch/bin/python --paddle-python .venv-paddle/bin/python

test-core: .venv-core/ready $(EXAMPLE)/data/train.csv ## the tests that need no framework, where there is none
	.venv-core/bin/python -m pytest tests/core tests/meta/test_compare.py tests/meta/test_mirror.py

# A copy of the tests, so that what they import is what was installed and not what stands beside them.
# What recipes are read with is in tests/core/reading; the recipes themselves need nothing more.
test-wheel: $(EXAMPLE)/data/train.csv ## the wheel alone, in an environment with its hard dependencies only
	rm -rf .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip wheel --quiet --no-deps --wheel-dir .venv-wheel/dist .
	.venv-wheel/bin/pip install --quiet "$$(ls $(CURDIR)/.venv-wheel/dist/*.whl)[test]"
	mkdir .venv-wheel/elsewhere
	tar --exclude=__pycache__ -cf - tests docs examples benchmarks requirements Makefile pyproject.toml *.md \
		| tar -xf - -C .venv-wheel/elsewhere
	cd .venv-wheel/elsewhere && DUALTRAIN_BARE=1 ../bin/python -m pytest tests/wheel.py tests/core tests/meta/test_compare.py --ignore=tests/core/recipes

test-paddle-2.6: .venv-paddle-2.6/ready ## the conformance suite on paddlepaddle 2.6.2
	DUALTRAIN_BACKENDS=paddle .venv-paddle-2.6/bin/python -m pytest tests/conformance

test-transformers-5: .venv-transformers-5/ready ## what the dialect hf5 claims, on transformers 5
	.venv-transformers-5/bin/python -m pytest tests/parity/test_dialects_transformers.py

# $(PYTHON) has a torch that sees the GPU; where it has none, nothing is set up.
test-gpu: $(EXAMPLE)/data/train.csv ## the torch side on a CUDA GPU, with the torch of $(PYTHON); writes docs/gpu.md's table
	$(PYTHON) tests/gpu/device.py $(DEVICE)
	$(MAKE) .venv-gpu/ready
	@mkdir -p report-gpu; rm -f report-gpu/gpu.json
	DUALTRAIN_BACKENDS=torch .venv-gpu/bin/python -m pytest tests/gpu tests/conformance --device $(DEVICE) --json report-gpu/gpu.json; \
	status=$$?; .venv-gpu/bin/python -m docs.make_gpu_table report-gpu/gpu.json $(if $(filter cpu,$(DEVICE)),--print) || exit; \
	exit $$status

wheels: ## wheels/: what `make test-gpu WHEELS=wheels` installs on a machine without a network
	$(PYTHON) -m pip wheel --quiet --wheel-dir wheels --requirement requirements/gpu.txt ".[text,test]" "hatchling>=1.27" editables

clean: ## remove environments, reports and the demo's data
	rm -rf .venv .venv-* wheels report report-* examples/*/data

$(EXAMPLE)/data/train.csv: $(EXAMPLE)/make_data.py
	$(PYTHON) $<

# An environment is ready when its stamp is newer than what it was made from.
.venv/ready $(VENV)/ready: requirements/development.txt pyproject.toml
.venv-core/ready: requirements/core.txt pyproject.toml
.venv-torch/ready: requirements/torch.txt pyproject.toml
.venv-paddle/ready: requirements/paddle.txt pyproject.toml
.venv-paddle-2.6/ready: requirements/paddle-2.6.txt pyproject.toml
.venv-transformers-5/ready: requirements/transformers-5.txt pyproject.toml
# Python 3.10 brings a pip that builds seqeval, which has no wheel, in the environment as it stands.
%/ready:
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet "pip>=23.1"
	$*/bin/pip install --quiet $(TORCH_INDEX) --requirement $< --editable ".[plot,tags,text,test]"
	touch $@

# The torch of $(PYTHON) is seen, also where that is an environment of its own.
.venv-gpu/ready: requirements/gpu.txt pyproject.toml
	$(PYTHON) -m venv --system-site-packages .venv-gpu
	$(PYTHON) -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])' \
		> "$$(.venv-gpu/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch-beside.pth"
	.venv-gpu/bin/python -m pip install --quiet $(OFFLINE) --requirement $< --editable ".[text,test]"
	touch $@

.venv/lint-ready: .venv/ready
	.venv/bin/pip install --quiet --editable ".[lint]"
	touch $@
