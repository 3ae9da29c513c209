#pragma once

#include <stop_token>
#include <string>
#include <thread>

namespace latentd::cli {

// Turns the first SIGINT or SIGTERM into a stop request; a second one ends the process at once. At most one at a time.
class Interrupt {
 public:
  // `notice`, unless empty, goes to standard error when it happens.
  explicit Interrupt(std::string notice);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }

  // The signal that came; 0 while none did.
  int signal() const;

 private:
  std::stop_source source_;
  int pipe_[2];
  std::thread thread_;
};

}  // namespace latentd::cli
