#include "client/cli/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <utility>

#include "client/cli/exit_code.h"

namespace latentd::cli {
namespace {

// A signal handler sees nothing but globals.
std::atomic<int> g_signal = 0;
std::atomic<int> g_pipe = -1;
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void HandleSignal(int signal) {
  if (g_signal.exchange(signal) != 0) {
    ::_exit(kSignalled + signal);
  }
  const char byte = 's';
  // The pipe has room for the only byte that is ever written here.
  [[maybe_unused]] const ssize_t written = ::write(g_pipe, &byte, 1);
}

void SetHandler(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt(std::string notice) {
  if (::pipe2(pipe_, O_CLOEXEC) != 0) {
    pipe_[0] = pipe_[1] = -1;
    return;  // Signals keep their default, which ends the process.
  }
  thread_ = std::thread([this, notice = std::move(notice)] {
    char byte = 0;
    ssize_t count = 0;
    do {
      count = ::read(pipe_[0], &byte, 1);
    } while (count < 0 && errno == EINTR);
    if (count == 1 && byte == 's') {
      if (!notice.empty()) {
        std::cerr << "\n" << notice << std::endl;
      }
      source_.request_stop();
    }
  });
  g_pipe = pipe_[1];
  SetHandler(&HandleSignal);
}

Interrupt::~Interrupt() {
  if (pipe_[0] < 0) {
    return;
  }
  SetHandler(SIG_DFL);
  g_pipe = -1;
  ::close(pipe_[1]);  // ends the read
  thread_.join();
  ::close(pipe_[0]);
}

int Interrupt::signal() const { return g_signal; }

}  // namespace latentd::cli
