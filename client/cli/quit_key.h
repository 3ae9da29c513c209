#pragma once

#include <termios.h>

#include <stop_token>
#include <thread>

namespace latentd::cli {

// While it lives, and standard input is a terminal, keys are read at once and not shown, and q requests a stop.
class QuitKey {
 public:
  explicit QuitKey(std::stop_source stop);
  ~QuitKey();
  QuitKey(const QuitKey&) = delete;
  QuitKey& operator=(const QuitKey&) = delete;

 private:
  void Watch();

  std::stop_source stop_;
  termios before_{};
  int pipe_[2] = {-1, -1};  // closed at one end, it ends the thread
  std::thread thread_;
};

}  // namespace latentd::cli
