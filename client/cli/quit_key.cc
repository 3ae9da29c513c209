#include "client/cli/quit_key.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace latentd::cli {

QuitKey::QuitKey(std::stop_source stop) : stop_(std::move(stop)) {
  if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before_) != 0 || ::pipe2(pipe_, O_CLOEXEC) != 0) return;
  termios at_once = before_;
  at_once.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // Ctrl-C stays a signal.
  ::tcsetattr(STDIN_FILENO, TCSANOW, &at_once);
  thread_ = std::thread([this] { Watch(); });
}

QuitKey::~QuitKey() {
  if (!thread_.joinable()) return;
  ::close(pipe_[1]);
  thread_.join();
  ::close(pipe_[0]);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void QuitKey::Watch() {
  std::array<pollfd, 2> files = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{pipe_[0], POLLIN, 0}};
  while (true) {
    if (::poll(files.data(), files.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (files[1].revents != 0) return;
    char key = 0;
    if (files[0].revents != 0 && ::read(STDIN_FILENO, &key, 1) != 1) return;  // The terminal is gone.
    if (key == 'q' || key == 'Q') {
      stop_.request_stop();
      return;
    }
  }
}

}  // namespace latentd::cli
