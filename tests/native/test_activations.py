"""The native collector over tensors laid out as ggml lays them out: as numpy finds it, and nothing else is believed."""

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rushlight.native import ActivationSums, _fallback
from rushlight.quant import activations, ggml_tensor
from rushlight.quant.ggml_tensor import Tensor, product_at

Floats = NDArray[np.float32]
_SEE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_bool, ctypes.c_void_p)


class Graph:
    """Tensors of a graph and the arrays they show; kept alive together."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def tensor(self, array: NDArray[Any] | None, shape: tuple[int, ...] = (), name: str = "", op: int = 0) -> Tensor:
        """A tensor that shows an array (its last dimension innermost), strides included; or one without data."""
        found = Tensor()
        found.type = ggml_tensor.I32 if array is not None and array.dtype == np.int32 else ggml_tensor.F32
        found.op, found.name = op, name.encode()
        dims = array.shape if array is not None else shape
        steps = array.strides if array is not None else tuple(4 for _ in dims)
        found.ne[:] = [*reversed(dims), *[1] * (4 - len(dims))]
        found.nb[:] = [*reversed(steps), *[4] * (4 - len(dims))]
        if array is not None and array.size:
            found.data = array.__array_interface__["data"][0]
        self.kept += [found, array]
        return found

    def product(self, weight: Tensor, inputs: Tensor, table: Tensor | None = None) -> int:
        node = Tensor()
        node.op = ggml_tensor.MUL_MAT if table is None else ggml_tensor.MUL_MAT_ID
        for i, source in enumerate((weight, inputs, table)):
            node.src[i] = None if source is None else ctypes.addressof(source)
        self.kept.append(node)
        return ctypes.addressof(node)


def _see(sums: ActivationSums, node: int) -> bool:
    see = _SEE(sums.callback_address)
    return bool(see(node, True, sums.data_address)) and bool(see(node, False, sums.data_address))


def _squares(sums: ActivationSums, name: str) -> activations.Squares:
    shape = sums.shape(name)
    found = activations.Squares(np.empty(shape), np.empty(shape[0], np.int64))
    sums.copy_squares(name, found.sums, found.counts)
    return found


def _plain(random: np.random.Generator, graph: Graph) -> tuple[int, str]:
    columns, n_rows = int(random.integers(1, 70)), int(random.integers(1, 20))
    base = random.normal(0, 10.0 ** random.uniform(-3, 3), (n_rows, columns + int(random.integers(0, 5)))).astype(
        np.float32
    )
    inputs: Floats = base[:, :columns]  # rows with a gap between them
    if random.random() < 0.3:
        inputs = np.ascontiguousarray(inputs).reshape(1, 1, n_rows, columns)
    if random.random() < 0.2:
        inputs[:] = 0
    return graph.product(graph.tensor(None, (3, columns), "w"), graph.tensor(inputs)), "w"


def _routed(random: np.random.Generator, graph: Graph) -> tuple[int, str]:
    columns, n_tokens = int(random.integers(1, 40)), int(random.integers(1, 12))
    n_experts = int(random.integers(1, 9))
    n_used = int(random.integers(1, n_experts + 1))
    n_rows = n_used if random.random() < 0.5 else 1  # one input for all experts of a token, or one for each
    inputs = random.normal(size=(n_tokens, n_rows, columns)).astype(np.float32)
    table = random.integers(0, n_experts, (n_tokens, n_experts)).astype(np.int32)[:, :n_used]  # a view of a wider one
    weight = graph.tensor(None, (n_experts, 2, columns), "e")
    return graph.product(weight, graph.tensor(inputs), graph.tensor(table)), "e"


def _check_random_shapes(n_shapes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(n_shapes):
        graph, sums = Graph(), ActivationSums()
        node, name = (_plain if random.random() < 0.5 else _routed)(random, graph)
        sums.want_squares(name)
        n_times = int(random.integers(1, 4))
        product = product_at(node)
        assert product is not None
        once = activations.squares_of(product)
        wanted = np.zeros_like(once.sums)
        for _ in range(n_times):
            assert _see(sums, node), sums.problem
            wanted += once.sums
        found = _squares(sums, name)
        assert np.array_equal(found.sums, wanted), "equal to the last bit"
        assert np.array_equal(found.counts, once.counts * n_times)


def test_random_shapes_equal_numpy() -> None:
    _check_random_shapes(300, 1)


@pytest.mark.slow
def test_ten_thousand_random_shapes_equal_numpy() -> None:
    _check_random_shapes(10_000, 2)


@pytest.mark.parametrize("kind", [
    activations.MomentKind(), activations.MomentKind(0.1, 1.0, 0.3), activations.MomentKind(0, 0, 2),
    activations.MomentKind(0, 1),
])  # fmt: skip
def test_moments_equal_numpy(kind: activations.MomentKind) -> None:
    random = np.random.default_rng(3)
    inputs = random.normal(size=(30, 50)).astype(np.float32)
    graph, sums = Graph(), ActivationSums(0, 2)
    node = graph.product(graph.tensor(None, (4, 50), "w"), graph.tensor(inputs))
    sums.want_moments("w", kind.own, kind.mean, kind.first)
    for _ in range(2):
        sums.begin_pass()
        assert _see(sums, node)
    assert (sums.names(), sums.names_of_moments(), sums.owner("w"), sums.columns("w")) == ([], ["w"], "w", 50)
    found = np.empty((50, 50), np.float32)
    sums.take_moments("w", found)
    assert np.allclose(found, 2 * activations.moments_of(inputs, kind), rtol=1e-4, atol=1e-4)
    assert np.array_equal(found, found.T)
    with pytest.raises(KeyError, match="nothing was summed up for w"):
        sums.take_moments("w", found)


def test_weights_with_the_same_inputs_share_their_moments() -> None:
    inputs = np.random.default_rng(4).normal(size=(9, 6)).astype(np.float32)
    graph, sums = Graph(), ActivationSums()
    shown, again = graph.tensor(inputs), graph.tensor(inputs.copy())
    nodes = {name: graph.product(graph.tensor(None, (2, 6), name), shown) for name in ("q", "k", "v")}
    nodes["other"] = graph.product(graph.tensor(None, (2, 6), "other"), again)
    for name in nodes:
        sums.want_moments(name, *((0.0, 1.0) if name == "v" else (1.0,)))
    for _ in range(2):
        sums.begin_pass()
        assert all(_see(sums, node) for node in nodes.values())
    assert {name: sums.owner(name) for name in nodes} == {"q": "q", "k": "q", "v": "v", "other": "other"}
    with pytest.raises(KeyError):
        sums.take_moments("k", np.empty((6, 6), np.float32))


def test_only_wanted_products_are_asked_for() -> None:
    graph, sums = Graph(), ActivationSums()
    sums.want_squares("w")
    see = _SEE(sums.callback_address)
    inputs = graph.tensor(np.ones((2, 3), np.float32))
    wanted = graph.product(graph.tensor(None, (1, 3), "CUDA0#w#0"), inputs)
    unwanted = graph.product(graph.tensor(None, (1, 3), "z"), inputs)
    sum_of_two = graph.tensor(None, (1, 3), "w", op=2)
    assert see(wanted, True, sums.data_address)
    for node in (unwanted, ctypes.addressof(sum_of_two)):
        assert not see(node, True, sums.data_address), "the question: not wanted"
        assert see(node, False, sums.data_address), "the computation goes on"
    assert sums.names() == []
    assert _see(sums, wanted) and sums.names() == ["w"]


def test_other_types_and_views_without_data_are_left_alone() -> None:
    graph, sums = Graph(), ActivationSums()
    sums.want_squares("w")
    halves = graph.tensor(np.ones((2, 3), np.float32))
    halves.type = 1
    columns_apart = graph.tensor(np.ones((3, 2), np.float32).T)
    for inputs in (halves, columns_apart, graph.tensor(None, (2, 3))):
        assert _see(sums, graph.product(graph.tensor(None, (1, 3), "w"), inputs))
    assert sums.names() == [] and sums.problem == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_no_numbers_end_the_computation_and_leave_no_trace(bad: float) -> None:
    graph, sums = Graph(), ActivationSums()
    inputs = np.ones((4, 5), np.float32)
    node = graph.product(graph.tensor(None, (1, 5), "w"), graph.tensor(inputs))
    sums.want_squares("w")
    assert _see(sums, node)
    inputs[3, 4] = bad
    assert not _see(sums, node)
    assert sums.problem == "the inputs of w are no finite numbers"
    assert _squares(sums, "w").sums.tolist() == [[4.0] * 5]
    sums.begin_pass()
    assert sums.problem == ""


def test_experts_that_are_none_and_sizes_that_change_are_refused() -> None:
    for chosen, words in ((5, "e has no expert 5"), (-1, "e has no expert -1")):
        graph, sums = Graph(), ActivationSums()
        sums.want_squares("e")
        table = graph.tensor(np.array([[0], [chosen]], np.int32))
        inputs = graph.tensor(np.ones((2, 1, 3), np.float32))
        assert not _see(sums, graph.product(graph.tensor(None, (5, 1, 3), "e"), inputs, table))
        assert sums.problem == words
    graph, sums = Graph(), ActivationSums()
    sums.want_squares("w")
    assert _see(sums, graph.product(graph.tensor(None, (1, 3), "w"), graph.tensor(np.ones((2, 3), np.float32))))
    assert not _see(sums, graph.product(graph.tensor(None, (1, 4), "w"), graph.tensor(np.ones((2, 4), np.float32))))
    assert "change their size" in sums.problem


def test_memory_of_a_graphics_card_is_not_read() -> None:
    seen: list[int] = []

    def is_host(buffer: int) -> bool:
        seen.append(buffer)
        return buffer == 8

    function = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)(is_host)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    graph, sums = Graph(), ActivationSums(address)
    sums.want_squares("w")
    inputs = graph.tensor(np.ones((2, 3), np.float32))
    node = graph.product(graph.tensor(None, (1, 3), "w"), inputs)
    inputs.buffer = 8
    assert _see(sums, node)
    inputs.buffer = 16
    assert not _see(sums, node) and "not in the processor's memory" in sums.problem
    assert seen == [8, 16]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="n_threads is 0"):
        ActivationSums(0, 0)
    sums = ActivationSums()
    for call in (sums.shape, sums.owner, sums.columns):
        with pytest.raises(KeyError, match="nothing was summed up for z"):
            call("z")
    graph = Graph()
    sums.want_squares("w")
    assert _see(sums, graph.product(graph.tensor(None, (1, 3), "w"), graph.tensor(np.ones((2, 3), np.float32))))
    with pytest.raises(ValueError, match="sums must have 3 elements, not 2"):
        sums.copy_squares("w", np.empty(2), np.empty(1, np.int64))
    with pytest.raises(TypeError, match='format "d"'):
        sums.copy_squares("w", np.empty(3, np.float32), np.empty(1, np.int64))  # type: ignore[arg-type]


def test_the_fallback_has_no_callback() -> None:
    sums = _fallback.ActivationSums()
    sums.want_squares("w")
    sums.want_moments("w")
    sums.begin_pass()
    assert (sums.callback_address, sums.data_address, sums.problem, sums.names(), sums.names_of_moments()) == (
        0,
        0,
        "",
        [],
        [],
    )
    with pytest.raises(KeyError):
        sums.shape("w")
