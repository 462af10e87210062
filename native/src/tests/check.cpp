// Random operations on the kernels against slow versions: check SEED ROUNDS. Compiled with sanitizers by
// tests/native/test_sanitized.py.
#include <cinttypes>
#include <random>
#include <string>

#include "dedup_operations.h"
#include "kquant_operations.h"
#include "ngram_operations.h"
#include "operations.h"
#include "quant_operations.h"

using namespace rushlight;
using namespace rushlight::test;

namespace {

template <typename Refused>
bool throws(Refused make) {
    try {
        make();
    } catch (const std::exception &) {
        return true;
    }
    return false;
}

void check_limits() {
    EXPECT(throws([] { NgramIndex(0, 1, 8, 0); }));
    EXPECT(throws([] { NgramIndex(4, 0, 8, 0); }));
    EXPECT(throws([] { NgramIndex(2, 3, 8, 0); }));
    EXPECT(throws([] { NgramIndex(NgramIndex::kLargestNgram + 1, 1, 8, 0); }));
    EXPECT(throws([] { NgramIndex(4, 1, 0, 0); }));
    EXPECT(throws([] { NgramIndex(4, 1, NgramIndex::kMostTokens + 1, 0); }));
    NgramIndex index(NgramIndex::kLargestNgram, 1, NgramIndex::kMostTokens, 0);
    index.extend(nullptr, 0);
    EXPECT(index.size() == 0 && index.size_bytes() == 0 && index.propose(5).n == 0);
}

// The table of a long text with every n-gram different, and of one with a single n-gram.
void check_long_text(std::uint64_t seed) {
    for (const bool is_constant : {false, true}) {
        std::vector<std::int32_t> ids(20000);
        for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = is_constant ? 7 : static_cast<std::int32_t>(i);
        NgramIndex index(4, 1, ids.size(), seed);
        index.extend(ids.data(), ids.size());
        EXPECT(index.propose(9).n == (is_constant ? 1u : 0u));
        index.extend(ids.data(), 0);
        index.truncate(ids.size() / 2);
        index.extend(ids.data(), 100);
        EXPECT(index.propose(9).n == (is_constant ? 1u : 9u));
        if (!is_constant) EXPECT(index.propose(9).token_ids[0] == 100);
        index.truncate(0);
        EXPECT(index.propose(9).n == 0);
    }
}

void check_prefixes() {
    for (std::size_t n = 0; n <= 70; ++n)
        for (std::size_t difference = 0; difference <= n; ++difference)
            for (const std::size_t n_free : {std::size_t{0}, std::size_t{1}, std::size_t{5}})
                play_prefix(n, difference, n_free, static_cast<std::uint32_t>(n * 71 + difference));
}

void check_cpu_choice() {
    EXPECT(choose_cpu_path("scalar") == CpuPath::scalar);
    EXPECT(is_supported(choose_cpu_path(nullptr)) && choose_cpu_path("") == choose_cpu_path(nullptr));
    EXPECT(throws([] { choose_cpu_path("sse9"); }));
    for (CpuPath path : {CpuPath::scalar, CpuPath::avx2, CpuPath::avx512}) {
        const bool is_refused = throws([path] { choose_cpu_path(name_of(path)); });
        EXPECT(is_refused == !is_supported(path));
    }
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: check SEED ROUNDS\n");
        return 2;
    }
    const std::uint64_t seed = std::stoull(argv[1]);
    const std::uint64_t rounds = std::stoull(argv[2]);
    check_limits();
    check_cpu_choice();
    check_prefixes();
    check_long_text(seed);
    check_halves();
    std::mt19937_64 random(seed);
    for (std::uint64_t round = 0; round < rounds; ++round) {
        std::vector<std::uint8_t> bytes(random() % 1500);
        for (std::uint8_t &byte : bytes) byte = static_cast<std::uint8_t>(random());
        play_index(Choices(bytes.data(), bytes.size()));
        const std::size_t n = random() % 3000;
        play_prefix(n, random() % (n + 1), random() % 16, static_cast<std::uint32_t>(random()));
        if (round % 2 == 0) play_dedup(random);
        if (round % 2 == 1) play_ngrams(random);
        if (round % 4 == 0) play_quantizer(random);
        if (round % 4 == 1) play_scores(random), play_collector(random);
        if (round % 4 == 2) play_feedback(random);
        if (round % 8 == 3) play_moments(random);
    }
    std::printf("ok: %" PRIu64 " rounds, best path %s\n", rounds, name_of(choose_cpu_path(nullptr)));
    return 0;
}
