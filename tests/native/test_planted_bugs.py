"""The tests of the C++ side can fail: small faults are put into copies of the sources, and each must be noticed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

_BUGS = {
    "undo forgets the earlier occurrence": (
        "ngram_index.cpp", "table[at].end = ends[n - min_ngram_];", "table[at].end = 1;"),
    "a removed slot cuts probe sequences": (
        "ngram_index.cpp", "if (((next - home) & mask) >= ((next - hole) & mask)) {", "if (home > mask) {"),
    "hashes are believed": (
        "ngram_index.cpp", "if (slot.hash == hash && std::equal(", "if (slot.hash == hash || std::equal("),
    "the shortest n-gram decides": (
        "ngram_index.cpp", "(std::size_t k = n_sizes(); k-- > 0;)", "(std::size_t k = 0; k < n_sizes(); ++k)"),
    "a draft goes on beyond the end": (
        "ngram_index.cpp", "std::min(n_draft, size() - ends[k])", "std::min(n_draft, size() - ends[k] + 1)"),
    "a table is not grown": (
        "ngram_index.cpp", "if (table.size() >= capacity) continue;", "if (table.size() >= capacity / 8) continue;"),
    "memory is not given back": (
        "ngram_index.cpp", "std::vector<std::int32_t>().swap(tokens_);", "tokens_.clear();"),
    "AVX-512 reads beyond the end": (
        "common_prefix.cpp", "((1u << (n - i)) - 1u)", "(0xFFFFu)"),
    "AVX2 counts bytes": (
        "common_prefix.cpp", "(__builtin_ctz(~equal)) / 4;", "(__builtin_ctz(~equal));"),
    "the last elements are not compared": (
        "common_prefix.cpp", "return i + prefix_scalar(a + i, b + i, n - i);", "return n;"),
    "a thread takes a block too many": (
        "sharing.h", "std::min(first + share, n)", "std::min(first + share, n + 1)"),
    "a scale loses its high bits": (
        "kquant_pack.cpp", "out[0] = static_cast<std::uint8_t>(half & 0xFF);", "out[2] = 0;"),
    "a comparison forgets the elements of the last sixteen": (
        "divergence_lanes.h", "if (whole < length) add(last_a, last_b);", ""),
    "sums are not scaled to a new largest logit": (
        "divergence_lanes.h", "sum_b *= exp(step_b);", ""),
    "of equal logits the later counts": (
        "divergence_lanes.h", "logits[i] > values[place - 1]; --place)", "logits[i] >= values[place - 1]; --place)"),
    "a row reads beyond its end": (
        "divergence_lanes.h", "length / kSums * kSums;", "(length + kSums - 1) / kSums * kSums;"),
    "an error is not spread to the last column": (
        "feedback_lanes.h", "for (std::size_t j = end; j < n; ++j) {", "for (std::size_t j = end; j + 1 < n; ++j) {"),
    "a group keeps the scale of the one before": (
        "feedback_lanes.h", "(i - task.first) % task.group == 0", "false"),
    "errors are written beyond the last row": (
        "feedback_lanes.h", "task.errors[i * task.n_rows + row + lane] = error[lane];",
        "task.errors[(i + 1) * task.n_rows + row + lane] = error[lane];"),
    "a panel writes into the next row": (
        "moments_lanes.h", "j < n_right; ++j) sums[j]", "j <= n_right; ++j) sums[j]"),
    "an expert that is none is believed": (
        "activations.cpp", "if (expert < 0 || static_cast<std::size_t>(expert) >= n_matrices)", "if (expert < 0)"),
    "not-a-number is summed up": (
        "activations.cpp", "for (const double sum : sums)\n        if (!std::isfinite(sum)) no_numbers(name);", ""),
    "a name without an end is read on": (
        "activations.cpp", "strnlen(text, sizeof node->src[0]->name)", "std::strlen(text)"),
    "a context is left for nothing": (
        "ngram_scores.cpp", "length <= n_before; ++length)", "length < n_before; ++length)"),
    "the last n-gram has children without an end": (
        "kneser_ney.cpp", "    begin_nodes(n);\n", "    static_cast<void>(n);\n"),
    "children of a damaged model are believed": (
        "ngram_image.cpp", "std::min<std::size_t>(node[1].first, most)", "static_cast<std::size_t>(node[1].first)"),
    "a discount is not given back": (
        "kneser_ney.cpp", "++n[count < 3 ? count - 1 : 2];", "++n[count < 2 ? count - 1 : 2];"),
    "an ARPA file loses zeros behind the point": (
        "arpa_write.cpp", "digits.insert(0, 7 - digits.size(), '0');", ""),
    "float16 ties go up": (
        "kquant_pack.cpp", "bits += 0xFFFu + ((bits >> 13) & 1u);", "bits += 0x1000u;"),
}  # fmt: skip


@pytest.mark.parametrize("bug", _BUGS)
def test_planted_bug_is_noticed(
    bug: str, build_check: Callable[[Path, Path], Path], cpp_sources: Path, tmp_path: Path
) -> None:
    name, right, wrong = _BUGS[bug]
    sources = tmp_path / "src"
    shutil.copytree(cpp_sources, sources)
    text = (sources / name).read_text()
    assert text.count(right) == 1, f"{name} no longer holds the line that this test breaks: {right}"
    (sources / name).write_text(text.replace(right, wrong))
    program = build_check(sources, tmp_path)
    try:
        done = subprocess.run([program, "1", "400"], capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return  # a table without an empty slot is searched for ever: noticed too
    assert done.returncode != 0, "the planted bug went unnoticed"


def test_fuzzing(
    build_check: Callable[[Path, Path], Path],
    cpp_sources: Path,
    bindings: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """libFuzzer for 20 s where a clang++ has it; elsewhere as many random rounds as fit in that time, and one line."""
    clang = next(
        (
            path
            for version in ("-19", "-18", "-17", "-16", "-15", "-14", "")
            if (path := shutil.which(f"clang++{version}"))
        ),
        None,
    )
    kernels = [file for file in sorted(cpp_sources.glob("*.cpp")) if file.name not in bindings]
    kernels.append(cpp_sources / "tests/fuzz.cpp")
    flags = ["-std=c++17", "-O1", "-g", "-pthread", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    if clang is not None:
        program = tmp_path / "fuzz"
        built = subprocess.run([clang, *flags, *kernels, "-o", program], capture_output=True, text=True, timeout=240)
        assert built.returncode == 0, built.stderr
        command = [program, "-max_total_time=20", "-max_len=4096", f"-artifact_prefix={tmp_path}/"]
    else:
        with capsys.disabled():
            print("\nclang++ is not installed: 8,000 random rounds with g++ instead of libFuzzer.")
        command = [build_check(cpp_sources, tmp_path), "77", "8000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
