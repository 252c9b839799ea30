"""Weights files into arrays, and the proof that the arrays are YAMNet."""

import hashlib
import os
import re
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from kws.errors import ModelError
from kws.frontend import YAMNET, log_mel
from kws_training.networks import yamnet_file
from kws_training.networks.tflite import read_graph
from kws_training.networks.yamnet_file import read_yamnet

#: Samples and frames that the official model takes.
WINDOW, FRAMES = 15_600, 96

SPECS = tuple(yamnet_file.architecture())


def refusal(path, data=None) -> str:
    """The one line that refuses a file."""
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ModelError) as error:
        read_yamnet(path)
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    assert "give yamnet.tflite" in text
    return text


# --- A made-up .tflite, so that the parser is tested without data ---------------------------------


def random_arrays(rng):
    """Random int8 weights of the architecture in TFLite's layout, with scales and biases."""
    for spec in SPECS:
        height, width, inputs, outputs = spec.shape
        shape = (1, height, width, inputs) if spec.depthwise else (outputs, height, width, inputs)
        yield rng.integers(-127, 128, shape, np.int8), 3 if spec.depthwise else 0
    yield rng.integers(-127, 128, (521, 1024), np.int8), 0


def make_model(rng) -> schema.ModelT:
    """An int8 model of the architecture, without a front end."""
    operators = schema.BuiltinOperator
    codes = [
        operators.CONV_2D,
        operators.DEPTHWISE_CONV_2D,
        operators.MEAN,
        operators.FULLY_CONNECTED,
        operators.LOGISTIC,
    ]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version = 3
    model.buffers, model.operatorCodes, model.subgraphs = [schema.BufferT()], [], [graph]
    graph.tensors, graph.operators = [], []
    for code in codes:
        entry = schema.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        model.operatorCodes.append(entry)

    def tensor(array=None, axis=0):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = b"", [1], schema.TensorType.INT8, 0
        if array is not None:
            made.shape, made.buffer = list(array.shape), len(model.buffers)
            if array.dtype == np.int32:
                made.type = schema.TensorType.INT32
            made.quantization = schema.QuantizationParametersT()
            count = array.shape[axis]
            made.quantization.scale = list(rng.uniform(0.001, 0.01, count).astype(np.float32))
            made.quantization.zeroPoint = [0] * count
            made.quantization.quantizedDimension = axis
            buffer = schema.BufferT()
            buffer.data = array.reshape(-1).view(np.uint8)
            model.buffers.append(buffer)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code, kind, inputs):
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = codes.index(code), inputs, [tensor()]
        if kind:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            made.builtinOptions = getattr(schema, f"{kind}T")()
        graph.operators.append(made)
        return made

    flow = tensor()
    graph.inputs = [flow]
    *convolutions, (dense, _) = random_arrays(rng)
    for spec, (array, axis) in zip(SPECS, convolutions, strict=True):
        bias = rng.integers(-1000, 1000, spec.outputs, np.int32)
        made = operator(
            operators.DEPTHWISE_CONV_2D if spec.depthwise else operators.CONV_2D,
            "DepthwiseConv2DOptions" if spec.depthwise else "Conv2DOptions",
            [flow, tensor(array, axis), tensor(bias)],
        )
        made.builtinOptions.strideH = made.builtinOptions.strideW = spec.stride
        made.builtinOptions.depthMultiplier = 1
        made.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        flow = made.outputs[0]
    flow = operator(operators.MEAN, None, [flow]).outputs[0]
    bias = rng.integers(-1000, 1000, 521, np.int32)
    dense = operator(
        operators.FULLY_CONNECTED, "FullyConnectedOptions", [flow, tensor(dense), tensor(bias)]
    )
    graph.outputs = operator(operators.LOGISTIC, None, [dense.outputs[0]]).outputs
    return model


def pack(model) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 22)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture
def model():
    return make_model(np.random.default_rng(1))


def dequantized(model, operator, place):
    """An input of an operator as float64, by the definition: scale times integer."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[graph.operators[operator].inputs[place]]
    dtype = np.int32 if tensor.type == schema.TensorType.INT32 else np.int8
    values = np.asarray(model.buffers[tensor.buffer].data).view(dtype).reshape(tensor.shape)
    axis = tensor.quantization.quantizedDimension
    moved = np.moveaxis(values, axis, -1) * np.array(tensor.quantization.scale, np.float64)
    return np.moveaxis(moved, -1, axis)


def test_tflite(tmp_path, model):
    path = tmp_path / "made.tflite"
    data = pack(model) + b"PK: files may be appended"
    path.write_bytes(data)
    found = read_yamnet(path)
    assert found.digest == hashlib.sha256(data).hexdigest()
    assert found.activation == "relu6"
    assert len(found.blocks) == 13
    assert found.blocks[4].pointwise is found.convolutions[10]
    for index, (convolution, spec) in enumerate(zip(found.convolutions, SPECS, strict=True)):
        assert convolution.kernel.shape == spec.shape
        assert convolution.stride == spec.stride
        assert convolution.kernel.dtype == convolution.bias.dtype == np.float32
        stored = dequantized(model, index, 1)
        wanted = stored[0, ..., None] if spec.depthwise else np.moveaxis(stored, 0, -1)
        np.testing.assert_allclose(convolution.kernel, wanted, rtol=1e-6)
        np.testing.assert_allclose(convolution.bias, dequantized(model, index, 2), rtol=1e-6)
    np.testing.assert_allclose(found.dense_kernel, dequantized(model, 28, 1).T, rtol=1e-6)
    np.testing.assert_allclose(found.dense_bias, dequantized(model, 28, 2), rtol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        found.stem.kernel[:] = 0


def graph_of(model):
    return model.subgraphs[0]


def options_of(model, index):
    return graph_of(model).operators[index].builtinOptions


def weight(model, index, place=1):
    graph = graph_of(model)
    return graph.tensors[graph.operators[index].inputs[place]]


def drop_last(model):
    graph_of(model).operators.pop()


def swap(model):
    operators = graph_of(model).operators
    operators[3], operators[5] = operators[5], operators[3]


def no_operators(model):
    graph_of(model).operators = []


def no_subgraph(model):
    model.subgraphs = []


def relu_once(model):
    options_of(model, 7).fusedActivationFunction = schema.ActivationFunctionType.RELU


def tanh(model):
    for index in range(27):
        options_of(model, index).fusedActivationFunction = schema.ActivationFunctionType.TANH


def dense_relu(model):
    options_of(model, 28).fusedActivationFunction = schema.ActivationFunctionType.RELU


def stride(model):
    options_of(model, 3).strideH = 1


def padding(model):
    options_of(model, 3).padding = schema.Padding.VALID


def dilation(model):
    options_of(model, 3).dilationWFactor = 2


def shape(model):
    weight(model, 4).shape = [64, 1, 1, 128]


def rank(model):
    weight(model, 4).shape = [1] * 50


def short_buffer(model):
    buffer = model.buffers[weight(model, 4).buffer]
    buffer.data = buffer.data[:-1]


def no_buffer(model):
    weight(model, 4).buffer = 0


def far_buffer(model):
    weight(model, 4).buffer = 2**31


def far_tensor(model):
    graph_of(model).operators[4].inputs[1] = 2**30


def no_bias(model):
    graph_of(model).operators[4].inputs[2] = -1


def few_inputs(model):
    graph_of(model).operators[4].inputs.pop()


def strings(model):
    weight(model, 4).type = schema.TensorType.STRING


def no_scales(model):
    weight(model, 4).quantization = None


def few_scales(model):
    weight(model, 4).quantization.scale.pop()


def infinite_scale(model):
    weight(model, 4).quantization.scale[0] = float("inf")


def far_axis(model):
    weight(model, 4).quantization.quantizedDimension = 4


def zero_point(model):
    weight(model, 4).quantization.zeroPoint[5] = 1


def no_options(model):
    operator = graph_of(model).operators[4]
    operator.builtinOptionsType, operator.builtinOptions = 0, None


def far_code(model):
    graph_of(model).operators[0].opcodeIndex = 2**31


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop_last, "29 operators from the first convolution on, not 30"),
        (swap, "operator 3 does not follow operator 2"),
        (no_operators, "0 operators from the first convolution on"),
        (no_subgraph, "damaged"),
        (relu_once, "activations relu, relu6 instead of relu or relu6"),
        (tanh, "activations tanh instead of"),
        (dense_relu, "activation of operator 28: relu instead of none"),
        (stride, r"strides of operator 3: \(1, 2\) instead of \(2, 2\)"),
        (padding, "padding of operator 3"),
        (dilation, "dilations of operator 3"),
        (shape, "shape of tensor"),
        (rank, "shape of tensor"),
        (short_buffer, "bytes of tensor .*: 8191 instead of 8192"),
        (no_buffer, "bytes of tensor .*: 0 instead of 8192"),
        (far_buffer, "damaged|bytes of tensor"),
        (far_tensor, "damaged"),
        (no_bias, "tensor -1"),
        (few_inputs, "damaged"),
        (strings, "is neither float32 nor int8 nor int32"),
        (no_scales, "integers without scales"),
        (few_scales, "one scale, or one per channel"),
        (infinite_scale, "weights that are not finite"),
        (far_axis, "quantized along an axis"),
        (zero_point, "zero points of tensor"),
        (no_options, "kind of options of operator 4"),
        (far_code, "damaged"),
    ],
)
def test_foreign_tflite(tmp_path, model, change, reason):
    change(model)
    path = tmp_path / "made.tflite"
    path.write_bytes(pack(model))
    with pytest.raises(ModelError, match=reason):
        read_yamnet(path)
    refusal(path)


def test_truncated_tflite(tmp_path, model):
    data = pack(model)
    for size in (8, 9, 20, 100, 1000, 10_000, len(data) // 2, len(data) - 1):
        refusal(tmp_path / "short.tflite", data[:size])


def test_damaged_tflite_raises_nothing_else(tmp_path, model):
    rng = np.random.default_rng(2)
    clean = np.frombuffer(pack(model), np.uint8)
    path = tmp_path / "damaged.tflite"
    refused = 0
    for _ in range(60):
        data = clean.copy()
        # The tables are at the front; the rest is mostly weights, which may have any value.
        data[rng.integers(8, 6000, 40)] = rng.integers(0, 256, 40)
        path.write_bytes(data)
        try:
            read_yamnet(path)
        except ModelError:
            refused += 1
    assert refused > 20


def test_other_files(tmp_path):
    path = tmp_path / "file"
    for data in (b"", b"TFL3", b"RIFF....WAVE", b"\0" * 1000, b"<html>"):
        assert "neither a .tflite nor an .h5 file" in refusal(path, data)
    assert "not a file" in refusal(tmp_path)
    assert "not a file" in refusal(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refusal(tmp_path / "pipe")


def test_large_file_is_not_read(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: takes no room
    assert "are too many for YAMNet's weights" in refusal(path)


# --- Keras ----------------------------------------------------------------------------------------


def write_h5(path, kernels, biases, dense_kernel, dense_bias, rng):
    """Write folded weights in the official layout, with made-up batch norm taken out of them."""

    def put(layer, name, values):
        # Keras makes a group for the layer, and in it the variable's name, which repeats it.
        variable = f"{layer}/{name}:0"
        file.require_group(layer)[variable] = values.astype(np.float32)

    with h5py.File(path, "w") as file:
        for spec, kernel, bias in zip(SPECS, kernels, biases, strict=True):
            variance = rng.uniform(0.001, 1.0, spec.outputs).astype(np.float32)
            mean = rng.normal(0, 1, spec.outputs).astype(np.float32)
            scale = 1 / np.sqrt(variance + 1e-4)
            along = scale[:, None] if spec.depthwise else scale
            put(spec.name, "depthwise_kernel" if spec.depthwise else "kernel", kernel / along)
            put(f"{spec.name}/bn", "beta", bias + mean * scale)
            put(f"{spec.name}/bn", "moving_mean", mean)
            put(f"{spec.name}/bn", "moving_variance", variance)
        put("dense", "kernel", dense_kernel)
        put("dense", "bias", dense_bias)


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """A made-up .h5 file and the folded weights in it."""
    rng = np.random.default_rng(3)
    kernels = [rng.normal(0, 0.1, spec.shape).astype(np.float32) for spec in SPECS]
    biases = [rng.normal(0, 1, spec.outputs).astype(np.float32) for spec in SPECS]
    dense = rng.normal(0, 0.1, (1024, 521)).astype(np.float32), rng.normal(0, 1, 521)
    path = tmp_path_factory.mktemp("keras") / "made.h5"
    write_h5(path, kernels, biases, *dense, rng)
    return path, kernels, biases, *dense


def test_h5(keras):
    path, kernels, biases, dense_kernel, dense_bias = keras
    found = read_yamnet(path)
    assert found.activation == "relu"
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    for convolution, kernel, bias, spec in zip(
        found.convolutions, kernels, biases, SPECS, strict=True
    ):
        assert convolution.stride == spec.stride
        assert convolution.kernel.dtype == convolution.bias.dtype == np.float32
        np.testing.assert_allclose(convolution.kernel, kernel, rtol=0, atol=1e-5)
        np.testing.assert_allclose(convolution.bias, bias, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found.dense_kernel, dense_kernel)
    np.testing.assert_allclose(found.dense_bias, dense_bias, rtol=0, atol=1e-6)


BN = "layer3/pointwise_conv/bn"


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        (f"{BN}/{BN}/beta:0", None, f"no datasets {BN}/…/beta:0"),
        ("dense/dense/bias:0", None, "no datasets dense/…/bias:0"),
        ("dense/dense/bias:0", np.zeros(520, np.float32), "shape of dense/dense/bias:0"),
        ("dense/dense/bias:0", np.zeros(521, np.int32), "kind of numbers of dense/dense/bias:0"),
        ("dense/dense/bias:0", np.full(521, np.nan, np.float32), "weights that are not finite"),
        (f"{BN}/{BN}/gamma:0", np.ones(128, np.float32), "has a gamma"),
        (f"{BN}/again/beta:0", np.ones(128, np.float32), f"2 datasets {BN}/…/beta:0"),
        (f"{BN}/{BN}/moving_variance:0", -np.ones(128, np.float32), "a variance below 0"),
        ("dense/dense/bias:0", h5py.ExternalLink("other.h5", "/x"), "no datasets dense"),
        ("dense/dense/bias:0", h5py.SoftLink("/nowhere"), "no datasets dense"),
    ],
)
def test_foreign_h5(keras, tmp_path, name, values, reason):
    path = tmp_path / "foreign.h5"
    path.write_bytes(keras[0].read_bytes())
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        if values is not None:
            file[name] = values
    assert reason in refusal(path)


def test_h5_with_numbers_in_another_file(keras, tmp_path):
    path = tmp_path / "foreign.h5"
    path.write_bytes(keras[0].read_bytes())
    (tmp_path / "secret").write_bytes(bytes(4 * 521))
    with h5py.File(path, "a") as file:
        del file["dense/dense/bias:0"]
        file.create_dataset(
            "dense/dense/bias:0", (521,), "f4", external=[(str(tmp_path / "secret"), 0, 4 * 521)]
        )
    assert "kept in another file" in refusal(path)


@pytest.mark.parametrize("kept", [{"compression": "gzip"}, {"chunks": (1,)}])
def test_h5_in_pieces(keras, tmp_path, kept):
    path = tmp_path / "pieces.h5"
    path.write_bytes(keras[0].read_bytes())
    with h5py.File(path, "a") as file:
        values = file["dense/dense/bias:0"][()]
        del file["dense/dense/bias:0"]
        file.create_dataset("dense/dense/bias:0", data=values, **kept)
    assert "kept in pieces or compressed" in refusal(path)


def test_h5_with_a_heap_of_a_gigabyte(keras, tmp_path):
    data = bytearray(keras[0].read_bytes())
    at = data.rindex(b"HEAP\0\0\0\0") + 8
    data[at : at + 8] = (2**30).to_bytes(8, "little")
    assert "a heap that is larger than the file" in refusal(tmp_path / "heap.h5", bytes(data))


def test_h5_with_a_heap_whose_free_room_leads_to_itself(keras, tmp_path):
    data = bytearray(keras[0].read_bytes())
    for at in (one.start() for one in re.finditer(rb"HEAP\x00{4}", bytes(data))):
        room, begin = (int.from_bytes(data[at + n : at + n + 8], "little") for n in (16, 24))
        if room != 1:
            data[begin + room : begin + room + 8] = room.to_bytes(8, "little")
            assert "free room has no end" in refusal(tmp_path / "loop.h5", bytes(data))
            return
    pytest.fail("no heap has free room")


def test_truncated_h5(keras, tmp_path):
    data = keras[0].read_bytes()
    for size in (8, 100, 5000, len(data) // 2, len(data) - 1):
        refusal(tmp_path / "short.h5", data[:size])
    refusal(tmp_path / "junk.h5", data[:8] + bytes(5000))


def test_import_is_light():
    code = (
        "import sys, kws_training.networks.weights, kws_training.networks.yamnet_file;"
        "print({'tensorflow', 'h5py', 'pooch', 'requests', 'tqdm', 'ai_edge_litert'}"
        " & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert out.stdout.decode().strip() == "set()", out.stderr


# --- The real files -------------------------------------------------------------------------------


def same(image, stride):
    """Pad (height, width, channels) as TensorFlow's "SAME" does for a 3 x 3 kernel."""
    widths = []
    for size in image.shape[:2]:
        total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
        widths.append((total // 2, total - total // 2))
    return np.pad(image, (*widths, (0, 0)))


def convolve(convolution, image, activation):
    """One convolution in numpy: (height, width, channels) to the same with new channels."""
    kernel, stride = convolution.kernel, convolution.stride
    rows, columns = (-(-size // stride) for size in image.shape[:2])
    if kernel.shape[:2] == (1, 1):
        out = image @ kernel[0, 0]
    else:
        padded = same(image, stride)
        out = np.zeros((rows, columns, len(convolution.bias)), np.float32)
        for y, x in np.ndindex(3, 3):
            shifted = padded[y::stride, x::stride][:rows, :columns]
            depthwise = kernel.shape[3] == 1
            out += shifted * kernel[y, x, :, 0] if depthwise else shifted @ kernel[y, x]
    return np.clip(out + convolution.bias, 0, 6 if activation == "relu6" else None)


def forward(weights, image):
    """The network in numpy: log-mel (96, 64) to the scores (521,)."""
    image = image[:, :, None]
    for convolution in weights.convolutions:
        image = convolve(convolution, image, weights.activation)
    logits = image.mean((0, 1)) @ weights.dense_kernel + weights.dense_bias
    return 0.5 + 0.5 * np.tanh(0.5 * logits)  # the logistic function, without overflow


class Official:
    """A file run by the interpreter, with all its tensors as float32."""

    def __init__(self, path):
        interpreting = pytest.importorskip("ai_edge_litert.interpreter")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keeping all tensors is meant for debugging: it is
            # Without delegates, so that every tensor is there.
            self.interpreter = interpreting.Interpreter(
                str(path),
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=(
                    interpreting.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                ),
            )
        self.interpreter.allocate_tensors()
        self.details = {t["index"]: t for t in self.interpreter.get_tensor_details()}
        self.graph = read_graph(path.read_bytes())
        self.kinds = [operator.kind for operator in self.graph.operators]
        self.first = self.kinds.index("CONV_2D")

    def run(self, samples):
        """Return the scores (521,)."""
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], samples)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.interpreter.get_output_details()[0]["index"])[0]

    def tensor(self, index):
        """Return a tensor of the last run, and the size of its quantization steps."""
        values, (scale, zero) = (
            self.interpreter.get_tensor(index),
            self.details[index]["quantization"],
        )
        if values.dtype == np.int8:
            values = (values.astype(np.float32) - zero) * np.float32(scale)
        return values, scale

    @property
    def log_mel(self):
        """The spectrogram of the last run, (96, 64)."""
        front_end = range(self.first)
        (log,) = (i for i in front_end if self.kinds[i] == "LOG")
        return self.tensor(self.graph.operators[log].outputs[0])[0].reshape(FRAMES, YAMNET.bands)


def compare(ours, theirs, what):
    """Print and return top-class agreement, correlation and largest difference of scores."""
    ours, theirs = np.array(ours), np.array(theirs)
    # Scores of a file with 256 steps may tie: our best class must be one of its best.
    best = theirs[np.arange(len(theirs)), ours.argmax(1)]
    agreement = (best == theirs.max(1)).mean()
    same = (ours.argmax(1) == theirs.argmax(1)).mean()
    correlation = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
    largest = np.abs(ours - theirs).max()
    print(
        f"{what}: {len(ours)} windows, top class {agreement:.1%} (ties broken by index: "
        f"{same:.1%}), correlation {correlation:.5f}, largest difference {largest:.4f}"
    )
    return agreement, correlation, largest


@pytest.fixture(scope="module")
def windows(shared):
    """Windows of real sounds: the loudest part of some recordings of each class."""
    soundfile = pytest.importorskip("soundfile")
    found = []
    for path in sorted((shared / "audio" / "sounds").glob("*/*"))[::8]:
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == YAMNET.sample_rate
        blocks = np.square(samples[: len(samples) // 800 * 800]).reshape(-1, 800).mean(1)
        start = min(max(int(blocks.argmax()) * 800 - WINDOW // 2, 0), len(samples) - WINDOW)
        found.append(samples[start : start + WINDOW])
    return found


@pytest.mark.data
def test_scores_are_the_official_files(shared, windows):
    path = shared / "yamnet" / "yamnet.tflite"
    weights = read_yamnet(path)
    assert weights.activation == "relu6"
    official = Official(path)
    theirs = [official.run(samples) for samples in windows]
    ours = [forward(weights, log_mel(samples, YAMNET)) for samples in windows]
    # What differs is the file's int8 activations and scores.
    agreement, correlation, largest = compare(ours, theirs, path.name)
    assert agreement >= 0.95
    assert correlation >= 0.995
    assert largest <= 0.15


@pytest.mark.data
def test_scores_are_the_dynamic_range_files(shared, windows):
    path = shared / "yamnet" / "yamnet_dynamic_range.tflite"
    weights = read_yamnet(path)
    assert weights.activation == "relu"
    official = Official(path)
    theirs, ours = [], []
    for samples in windows:
        theirs.append(official.run(samples))
        # From its own spectrogram: its mel filters are int8, which spoils quiet bands.
        ours.append(forward(weights, official.log_mel))
    # The interpreter rounds the inputs of the int8 layers to int8 too.
    agreement, correlation, _ = compare(ours, theirs, path.name)
    assert agreement >= 0.8
    assert correlation >= 0.97


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "mean", "largest"),
    [
        # Outputs rounded to int8: a quarter of a step in the mean, half a step at most, and a
        # little for the fixed-point arithmetic.
        ("yamnet.tflite", 0.3, 0.8),
        # Exact, but where an input lies between two steps and float rounding decides.
        ("yamnet_dynamic_range.tflite", 0.005, 1.5),
    ],
)
def test_every_convolution_is_the_files(shared, windows, name, mean, largest):
    """From the file's input of each convolution follows the file's output, in int8 steps."""
    path = shared / "yamnet" / name
    weights, official = read_yamnet(path), Official(path)
    means, maxima = [], []
    for samples in windows[::8]:
        official.run(samples)
        for index, convolution in enumerate(weights.convolutions, official.first):
            number, kernel, _ = official.graph.operators[index].inputs
            image, _ = official.tensor(number)
            wanted, step = official.tensor(official.graph.operators[index].outputs[0])
            if not step:  # a float output: the step that int8 would have
                step = np.abs(wanted).max() / 255
                if official.details[kernel]["dtype"] == np.int8:
                    # The interpreter rounds the input to 256 steps from 0 to its maximum.
                    unit = image.max() / 255
                    image = np.round(image / unit) * unit
            error = np.abs(convolve(convolution, image[0], weights.activation) - wanted[0]) / step
            means.append(error.mean())
            maxima.append(error.max())
    print(
        f"{name}: off by {max(means):.4f} int8 steps (mean of the worst layer), "
        f"{max(maxima):.3f} (largest)"
    )
    assert max(means) < mean
    assert max(maxima) < largest


@pytest.mark.data
def test_h5_from_the_real_weights(shared, tmp_path):
    real = read_yamnet(shared / "yamnet" / "yamnet_dynamic_range.tflite")
    kernels = [convolution.kernel for convolution in real.convolutions]
    biases = [convolution.bias for convolution in real.convolutions]
    path = tmp_path / "yamnet.h5"
    write_h5(path, kernels, biases, real.dense_kernel, real.dense_bias, np.random.default_rng(4))
    found = read_yamnet(path)
    for convolution, kernel, bias in zip(found.convolutions, kernels, biases, strict=True):
        np.testing.assert_allclose(convolution.kernel, kernel, rtol=0, atol=1e-5)
        np.testing.assert_allclose(convolution.bias, bias, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found.dense_kernel, real.dense_kernel)
    np.testing.assert_array_equal(found.dense_bias, real.dense_bias)
