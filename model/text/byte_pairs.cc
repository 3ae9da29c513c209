#include "model/text/byte_pairs.h"

#include <functional>
#include <queue>
#include <tuple>

#include "model/text/utf8.h"

namespace latentd::model {
namespace {

constexpr const char* kEndOfWord = "</w>";
constexpr int32_t kNone = -1;

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// One token of the word so far, in a list linked by positions.
struct Symbol {
  int32_t id;
  int32_t previous;
  int32_t next;
  bool is_gone;  // it became part of the symbol on its left
};

// A merge that was possible when it was queued.
struct Candidate {
  int32_t rank;
  int32_t position;  // of the left symbol
  int32_t id;        // of what the merge makes

  // The first merge of the list comes first, and among equals the leftmost.
  bool operator>(const Candidate& other) const {
    return std::tie(rank, position) > std::tie(other.rank, other.position);
  }
};

}  // namespace

const std::array<char32_t, 256>& ByteCharacters() {
  static const std::array<char32_t, 256> kCharacters = [] {
    std::array<char32_t, 256> characters{};
    char32_t next = 256;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool is_printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
      characters[byte] = is_printable ? byte : next++;
    }
    return characters;
  }();
  return kCharacters;
}

BytePairs::BytePairs(const Vocab& vocab, const Merges& merges, int32_t unknown) {
  const auto find = [&](const std::string& token) {
    const auto found = vocab.find(token);
    return found == vocab.end() ? unknown : found->second;
  };
  for (size_t byte = 0; byte < 256; ++byte) {
    std::string character;
    AppendUtf8(ByteCharacters()[byte], character);
    inner_[byte] = find(character);
    last_[byte] = find(character + kEndOfWord);
  }
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    merges_[PairKey(vocab.at(left), vocab.at(right))] = {static_cast<int32_t>(rank), vocab.at(left + right)};
  }
}

const BytePairs::Merge* BytePairs::FindMerge(int32_t left, int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::Encode(std::string_view word, std::vector<int64_t>& ids) const {
  const auto count = static_cast<int32_t>(word.size());
  std::vector<Symbol> symbols(count);
  for (int32_t i = 0; i < count; ++i) {
    const auto byte = static_cast<uint8_t>(word[i]);
    const bool is_last = i + 1 == count;
    symbols[i] = {.id = is_last ? last_[byte] : inner_[byte],
                  .previous = i - 1,
                  .next = is_last ? kNone : i + 1,
                  .is_gone = false};
  }

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](int32_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    if (const Merge* merge = FindMerge(symbols[left].id, symbols[symbols[left].next].id)) {
      queue.push({.rank = merge->rank, .position = left, .id = merge->id});
    }
  };
  for (int32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate candidate = queue.top();
    queue.pop();
    Symbol& left = symbols[candidate.position];
    if (left.is_gone || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const Merge* merge = FindMerge(left.id, right.id);
    if (merge == nullptr || merge->id != candidate.id) continue;  // a neighbour has changed since
    left.id = candidate.id;
    left.next = right.next;
    right.is_gone = true;
    if (right.next != kNone) symbols[right.next].previous = candidate.position;
    offer(left.previous);
    offer(candidate.position);
  }
  for (int32_t i = 0; i != kNone; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace latentd::model
