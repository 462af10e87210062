// Reads products of weights with activations out of ggml's graph and sums them up.
#include "activations.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

namespace rushlight {

namespace {

// The name of a product's weight; what a scheduler puts around it ("CUDA0#blk.0.attn_q.weight#0") is taken away.
std::string weight_name(const GgmlTensor *node) {
    if (node->src[0] == nullptr) return "";
    const char *text = node->src[0]->name;
    std::string name(text, strnlen(text, sizeof node->src[0]->name));
    const std::size_t first = name.find('#');
    if (first == std::string::npos) return name;
    const std::size_t second = name.find('#', first + 1);
    return name.substr(first + 1, second == std::string::npos ? second : second - first - 1);
}

bool is_product(const GgmlTensor *node) noexcept { return node->op == kGgmlMulMat || node->op == kGgmlMulMatId; }

// Whether rows of float32 lie there that may be read.
bool has_rows(const GgmlTensor *inputs) noexcept {
    return inputs != nullptr && inputs->type == kGgmlF32 && inputs->nb[0] == sizeof(float) && inputs->data != nullptr;
}

std::size_t size_at(const GgmlTensor *tensor, int dimension) noexcept {
    return tensor->ne[dimension] > 0 ? static_cast<std::size_t>(tensor->ne[dimension]) : 0;
}

const float *row_at(const GgmlTensor *inputs, std::size_t i1, std::size_t i2, std::size_t i3) noexcept {
    return reinterpret_cast<const float *>(static_cast<const char *>(inputs->data) + i1 * inputs->nb[1] +
                                           i2 * inputs->nb[2] + i3 * inputs->nb[3]);
}

// Calls use(row) for every row, the innermost dimension first.
template <typename Use>
void each_row(const GgmlTensor *inputs, const Use &use) {
    for (std::size_t i3 = 0; i3 < size_at(inputs, 3); ++i3)
        for (std::size_t i2 = 0; i2 < size_at(inputs, 2); ++i2)
            for (std::size_t i1 = 0; i1 < size_at(inputs, 1); ++i1) use(row_at(inputs, i1, i2, i3));
}

void square(const float *row, std::size_t n, double *sums) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        const double x = static_cast<double>(row[i]);
        sums[i] += x * x;  // the square is exact: fused or not is the same
    }
}

[[noreturn]] void no_numbers(const std::string &name) {
    throw std::runtime_error("the inputs of " + name + " are no finite numbers");
}

}  // namespace

ActivationSums::ActivationSums(IsHost is_host, std::size_t n_threads, CpuPath path)
    : is_host_(is_host), n_threads_(n_threads), path_(path) {}

void ActivationSums::want_squares(const std::string &name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    squares_.try_emplace(name);
}

void ActivationSums::want_moments(const std::string &name, MomentWeights weights) {
    const std::lock_guard<std::mutex> lock(mutex_);
    moments_.try_emplace(name).first->second.weights = weights;
}

void ActivationSums::begin_pass() {
    const std::lock_guard<std::mutex> lock(mutex_);
    owners_.clear();
    problem_.clear();
}

bool ActivationSums::callback(void *node, bool is_question, void *self) noexcept {
    return static_cast<ActivationSums *>(self)->see(static_cast<const GgmlTensor *>(node), is_question);
}

bool ActivationSums::see(const GgmlTensor *node, bool is_question) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
        if (!is_product(node)) return !is_question;
        const std::string name = weight_name(node);
        if (!is_wanted(name)) return !is_question;
        if (!is_question) add(node, name);
        return true;
    } catch (const std::exception &error) {  // an exception must not cross ggml
        problem_ = error.what();
        return false;
    }
}

bool ActivationSums::is_wanted(const std::string &name) const {
    return squares_.count(name) != 0 || moments_.count(name) != 0;
}

void ActivationSums::add(const GgmlTensor *node, const std::string &name) {
    const GgmlTensor *inputs = node->src[1];
    if (!has_rows(inputs)) return;
    const GgmlTensor *holder = inputs->view_src != nullptr ? inputs->view_src : inputs;
    if (is_host_ != nullptr && holder->buffer != nullptr && !is_host_(holder->buffer))
        throw std::runtime_error("the inputs of " + name + " are not in the processor's memory");
    const auto squares = squares_.find(name);
    if (squares != squares_.end()) add_squares(node, squares->second, name);
    const auto moments = moments_.find(name);
    if (moments != moments_.end() && node->op == kGgmlMulMat) add_moments_of(node, moments->second, name);
}

void ActivationSums::add_squares(const GgmlTensor *node, Squares &into, const std::string &name) {
    const GgmlTensor *inputs = node->src[1];
    const std::size_t columns = size_at(inputs, 0);
    const bool has_experts = node->op == kGgmlMulMatId;
    const std::size_t n_matrices = has_experts ? size_at(node->src[0], 2) : 1;
    if (into.sums.empty()) {
        into.n_matrices = n_matrices;
        into.n_columns = columns;
        into.sums.assign(n_matrices * columns, 0.0);
        into.counts.assign(n_matrices, 0);
    }
    if (into.n_matrices != n_matrices || into.n_columns != columns)
        throw std::runtime_error("the inputs of " + name + " change their size");
    // First this product's own sums, from 0: as numpy does it, and a product with what is no number leaves no trace.
    std::vector<double> sums(n_matrices * columns);
    std::vector<std::int64_t> counts(n_matrices);
    if (!has_experts) {
        each_row(inputs, [&](const float *row) { square(row, columns, sums.data()), ++counts[0]; });
    } else {
        const GgmlTensor *table = node->src[2];
        if (table == nullptr || table->type != kGgmlI32 || table->data == nullptr) return;
        const std::size_t n_used = size_at(table, 0), n_tokens = size_at(table, 1), n_rows = size_at(inputs, 1);
        if (size_at(inputs, 2) != n_tokens || (n_rows != 1 && n_rows != n_used))
            throw std::runtime_error("the experts of " + name + " do not fit its inputs");
        for (std::size_t token = 0; token < n_tokens; ++token)
            for (std::size_t used = 0; used < n_used; ++used) {
                std::int32_t expert;
                std::memcpy(&expert, static_cast<const char *>(table->data) + token * table->nb[1] + used * table->nb[0],
                            sizeof expert);
                if (expert < 0 || static_cast<std::size_t>(expert) >= n_matrices)
                    throw std::runtime_error(name + " has no expert " + std::to_string(expert));
                const float *row = row_at(inputs, n_rows == 1 ? 0 : used, token, 0);
                square(row, columns, sums.data() + static_cast<std::size_t>(expert) * columns);
                ++counts[static_cast<std::size_t>(expert)];
            }
    }
    for (const double sum : sums)
        if (!std::isfinite(sum)) no_numbers(name);
    for (std::size_t i = 0; i < sums.size(); ++i) into.sums[i] += sums[i];
    for (std::size_t i = 0; i < counts.size(); ++i) into.counts[i] += counts[i];
}

void ActivationSums::add_moments_of(const GgmlTensor *node, Moments &into, const std::string &name) {
    const GgmlTensor *inputs = node->src[1];
    const std::size_t columns = size_at(inputs, 0);
    if (into.owner.empty() && into.sums.empty()) {
        // Query and key have the same inputs: one array for both, if they want the same of them.
        std::string kind(sizeof into.weights, '\0');
        std::memcpy(kind.data(), &into.weights, sizeof into.weights);
        into.owner = owners_.try_emplace({inputs, kind}, name).first->second;
        into.n_columns = columns;
    }
    if (into.owner != name) return;
    if (into.sums.empty()) into.sums.assign(columns * columns, 0.0f);
    if (into.n_columns != columns) throw std::runtime_error("the inputs of " + name + " change their size");
    rows_.clear();
    each_row(inputs, [&](const float *row) { rows_.insert(rows_.end(), row, row + columns); });
    for (const float value : rows_)
        if (!std::isfinite(value)) no_numbers(name);
    const InputRows rows{rows_.data(), columns == 0 ? 0 : rows_.size() / columns, columns, columns};
    if (rows.n_rows == 0) return;
    const MomentWeights &weights = into.weights;
    if (weights.own != 0) add_moments(rows, weights.own, into.sums.data(), n_threads_, path_);
    if (weights.mean != 0) {
        const std::vector<float> means = running_means(rows);
        add_moments({means.data(), rows.n_rows, columns, columns}, weights.mean, into.sums.data(), n_threads_, path_);
    }
    if (weights.first != 0)
        add_moments({rows.values, 1, columns, columns}, weights.first * static_cast<float>(rows.n_rows),
                    into.sums.data(), n_threads_, path_);
}

std::vector<std::string> ActivationSums::names() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> found;
    for (const auto &[name, squares] : squares_)
        if (!squares.sums.empty()) found.push_back(name);
    return found;
}

std::vector<std::string> ActivationSums::names_of_moments() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> found;
    for (const auto &[name, moments] : moments_)
        if (!moments.owner.empty() && !moments_.at(moments.owner).sums.empty()) found.push_back(name);
    return found;
}

Squares ActivationSums::squares_of(const std::string &name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return squares_.at(name);
}

std::string ActivationSums::owner_of(const std::string &name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return moments_.at(name).owner;
}

std::size_t ActivationSums::columns_of(const std::string &name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return moments_.at(name).n_columns;
}

void ActivationSums::take_moments(const std::string &owner, float *out) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Moments &moments = moments_.at(owner);
    const std::size_t n = moments.n_columns;
    if (moments.sums.size() != n * n) throw std::out_of_range(owner);
    for (std::size_t row = 0; row < n; ++row)
        for (std::size_t column = 0; column < n; ++column)
            out[row * n + column] = moments.sums[std::min(row, column) * n + std::max(row, column)];
    std::vector<float>().swap(moments.sums);
}

std::string ActivationSums::problem() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return problem_;
}

}  // namespace rushlight
