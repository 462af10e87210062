// The libFuzzer entry: clang++ -fsanitize=fuzzer,address,undefined. Run by `make faults` where there is such a clang.
#include "kquant_operations.h"
#include "operations.h"
#include "quant_operations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    rushlight::test::Choices choices(data, size);
    const std::uint32_t kind = choices.byte() % 12;
    std::mt19937_64 random(choices.word());  // of the quantizer's kernels the fuzzer chooses the seeds
    if (kind == 4) {
        rushlight::test::play_quantizer(random);
    } else if (kind == 5) {
        rushlight::test::play_scores(random);
    } else if (kind == 6) {
        rushlight::test::play_feedback(random);
    } else if (kind == 7) {
        rushlight::test::play_moments(random);
    } else if (kind == 8) {
        rushlight::test::play_collector(random);
    } else if (kind % 4 == 0) {
        const std::size_t n = choices.word() % 5000;
        const std::size_t difference = choices.word() % (n + 1);
        const std::size_t n_free = choices.byte() % 16;
        rushlight::test::play_prefix(n, difference, n_free, choices.word());
    } else {
        rushlight::test::play_index(choices);
    }
    return 0;
}
