// Sums over the inputs of weights, filled by llama.cpp's evaluation callback while it runs a text. Knows ggml's tensors
// and numbers; the same with ctypes and numpy is quant/activations.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cpu.h"
#include "ggml_tensor.h"
#include "moments.h"

namespace rushlight {

// What moments are made of: the inputs' own products, those of their running means, and the first input's, which
// counts `first` times as often as there are inputs.
struct MomentWeights {
    float own, mean, first;
    bool operator==(const MomentWeights &other) const noexcept {
        return own == other.own && mean == other.mean && first == other.first;
    }
};

// For each column of a weight's inputs the sum of their squares, by expert; and how many inputs each expert has seen.
struct Squares {
    std::size_t n_matrices = 0, n_columns = 0;
    std::vector<double> sums;  // (n_matrices, n_columns)
    std::vector<std::int64_t> counts;
};

struct Moments {
    MomentWeights weights{1, 0, 0};
    std::string owner;  // whose inputs these are too: then nothing is kept here
    std::size_t n_columns = 0;
    std::vector<float> sums;  // (n_columns, n_columns), from the diagonal to the right
};

class ActivationSums {
  public:
    using IsHost = bool (*)(void *buffer);

    // `is_host` says whether a buffer can be read by the processor; null: all can.
    ActivationSums(IsHost is_host, std::size_t n_threads, CpuPath path);

    void want_squares(const std::string &name);
    void want_moments(const std::string &name, MomentWeights weights);
    // Before each text: which products share their inputs is found anew.
    void begin_pass();

    // ggml's callback: first asks whether a node is wanted, then shows it. False ends the computation.
    bool see(const GgmlTensor *node, bool is_question) noexcept;
    static bool callback(void *node, bool is_question, void *self) noexcept;

    std::vector<std::string> names() const;           // with squares, in order
    std::vector<std::string> names_of_moments() const;
    Squares squares_of(const std::string &name) const;  // throws std::out_of_range
    std::string owner_of(const std::string &name) const;
    std::size_t columns_of(const std::string &name) const;
    // Both triangles, (columns, columns), and forgets them here: they may be gigabytes.
    void take_moments(const std::string &owner, float *out);
    std::string problem() const;  // what stopped the last computation, or ""

  private:
    bool is_wanted(const std::string &name) const;
    void add(const GgmlTensor *node, const std::string &name);
    void add_squares(const GgmlTensor *node, Squares &into, const std::string &name);
    void add_moments_of(const GgmlTensor *node, Moments &into, const std::string &name);

    const IsHost is_host_;
    const std::size_t n_threads_;
    const CpuPath path_;
    mutable std::mutex mutex_;
    std::map<std::string, Squares> squares_;
    std::map<std::string, Moments> moments_;
    std::map<std::pair<const GgmlTensor *, std::string>, std::string> owners_;  // of inputs seen in this pass
    std::vector<float> rows_;
    std::string problem_;
};

}  // namespace rushlight
