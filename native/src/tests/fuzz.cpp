// The libFuzzer entry: clang++ -fsanitize=fuzzer,address,undefined. Run by `make faults` where there is such a clang.
#include "operations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    rushlight::test::Choices choices(data, size);
    if (choices.byte() % 4 == 0) {
        const std::size_t n = choices.word() % 5000;
        const std::size_t difference = choices.word() % (n + 1);
        const std::size_t n_free = choices.byte() % 16;
        rushlight::test::play_prefix(n, difference, n_free, choices.word());
    } else {
        rushlight::test::play_index(choices);
    }
    return 0;
}
