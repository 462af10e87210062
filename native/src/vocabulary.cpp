// The table of words, and their order by hashes.
#include "vocabulary.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ngram_image.h"
#include "word_hash.h"

namespace rushlight {

namespace {

constexpr const char *kMarks[kFirstWord] = {"<unk>", "<s>", "</s>"};

// The number of a mark of the model, or kFirstWord.
std::uint32_t mark(const std::uint8_t *from, std::size_t n) noexcept {
    std::uint32_t i = 0;
    if (n > 2 && n < 6 && *from == '<')
        for (; i < kFirstWord; ++i)
            if (n == std::strlen(kMarks[i]) && std::memcmp(from, kMarks[i], n) == 0) return i;
    return kFirstWord;
}

std::uint64_t hash_of(const std::uint8_t *from, std::size_t n) noexcept {
    const std::uint64_t hash = word_hash(kNgramSeed, from, n);
    return hash + (hash == 0);  // 0 is an empty slot
}

}  // namespace

std::size_t Vocabulary::place(std::uint64_t hash) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].hash != 0 && slots_[at].hash != hash) at = (at + 1) & mask;
    return at;
}

void Vocabulary::grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot &slot : old)
        if (slot.hash != 0) slots_[place(slot.hash)] = slot;
}

std::uint32_t Vocabulary::known(const std::uint8_t *from, std::size_t n) const noexcept {
    const std::uint32_t found = mark(from, n);
    if (found < kFirstWord) return found;
    const Slot &slot = slots_[place(hash_of(from, n))];
    return slot.hash == 0 ? kUnknown : slot.number;
}

std::uint32_t Vocabulary::number(const std::uint8_t *from, std::size_t n) {
    const std::uint32_t found = mark(from, n);
    if (found < kFirstWord) return found;
    const std::uint64_t hash = hash_of(from, n);
    std::size_t at = place(hash);
    if (slots_[at].hash != 0) return slots_[at].number;
    if (2 * (hashes_.size() + 1) > slots_.size()) {
        grow();
        at = place(hash);
    }
    const auto number = static_cast<std::uint32_t>(kFirstWord + hashes_.size());
    strings_.insert(strings_.end(), from, from + n);
    starts_.push_back(strings_.size());
    hashes_.push_back(hash);
    slots_[at] = {hash, number};
    return number;
}

SortedWords Vocabulary::sorted(std::vector<std::uint32_t> &changed) const {
    SortedWords result{std::vector<std::uint64_t>(kFirstWord, 0), {0}, {}};
    changed.resize(kFirstWord + hashes_.size());
    for (std::uint32_t i = 0; i < kFirstWord; ++i) {
        changed[i] = i;
        result.strings.insert(result.strings.end(), kMarks[i], kMarks[i] + std::strlen(kMarks[i]));
        result.starts.push_back(result.strings.size());
    }
    std::vector<std::uint32_t> by_hash(hashes_.size());
    std::iota(by_hash.begin(), by_hash.end(), 0u);
    const auto is_before = [this](std::uint32_t a, std::uint32_t b) { return hashes_[a] < hashes_[b]; };
    std::sort(by_hash.begin(), by_hash.end(), is_before);
    for (const std::uint32_t old : by_hash) {
        changed[kFirstWord + old] = static_cast<std::uint32_t>(result.hashes.size());
        result.hashes.push_back(hashes_[old]);
        const std::uint8_t *const strings = strings_.data();
        result.strings.insert(result.strings.end(), strings + starts_[old], strings + starts_[old + 1]);
        result.starts.push_back(result.strings.size());
    }
    return result;
}

}  // namespace rushlight
