#pragma once

#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace latentd::model {

// Problems of one kind with an adapter's file, of which the first are listed: a file for another model may have a
// thousand of them.
class Problems {
 public:
  void Add(std::string problem) {
    if (++count_ <= kMostListed) listed_.push_back(std::move(problem));
  }

  // Puts them behind `all`.
  void MoveTo(std::vector<std::string>& all) {
    std::move(listed_.begin(), listed_.end(), std::back_inserter(all));
    if (count_ > kMostListed) all.push_back("and " + std::to_string(count_ - kMostListed) + " more like these");
  }

 private:
  static constexpr size_t kMostListed = 20;

  std::vector<std::string> listed_;
  size_t count_ = 0;
};

}  // namespace latentd::model
