#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace latentd::bench {

// The virtual clock: things that happen at their times, those of one time in the order in which they were asked for.
class EventQueue {
 public:
  explicit EventQueue(absl::Time begin) : now_(begin) {}

  absl::Time now() const { return now_; }

  // A time that has passed is now.
  void At(absl::Time time, std::function<void()> what) {
    events_.push_back({std::max(time, now_), ++asked_, std::move(what)});
    std::push_heap(events_.begin(), events_.end(), Later);
  }

  void RunUntil(absl::Time end) {
    while (!events_.empty() && events_.front().time <= end) {
      std::pop_heap(events_.begin(), events_.end(), Later);
      const Event event = std::move(events_.back());
      events_.pop_back();
      now_ = event.time;
      event.what();
    }
    now_ = end;
  }

 private:
  struct Event {
    absl::Time time;
    int64_t number = 0;
    std::function<void()> what;
  };

  static bool Later(const Event& a, const Event& b) {
    return std::pair(a.time, a.number) > std::pair(b.time, b.number);
  }

  absl::Time now_;
  int64_t asked_ = 0;
  std::vector<Event> events_;  // a heap, the next one first
};

}  // namespace latentd::bench
