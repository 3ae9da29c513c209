#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace latentd::model {

// For each item a number that those share which are `alike`, counted in the order in which they first appear. Lanes
// that are sorted by it make the longest runs.
template <typename Item, typename Alike>
std::vector<size_t> NumberAlike(std::span<const Item> items, const Alike& alike) {
  std::vector<size_t> numbers;
  std::vector<Item> known;
  for (const Item& item : items) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const Item& other) { return alike(item, other); });
    numbers.push_back(static_cast<size_t>(found - known.begin()));
    if (found == known.end()) known.push_back(item);
  }
  return numbers;
}

}  // namespace latentd::model
