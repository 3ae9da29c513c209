#include "tests/client/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>

extern char** environ;

namespace latentd::cli {
namespace {

void Require(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(what);
  }
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, Output output) {
  std::array<int, 2> out;
  std::array<int, 2> err;
  if (output == Output::kTerminal) {
    const winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    Require(::openpty(&out[0], &out[1], nullptr, nullptr, &size) == 0, "openpty");
    ::fcntl(out[0], F_SETFD, FD_CLOEXEC);
    ::fcntl(out[1], F_SETFD, FD_CLOEXEC);
  } else {
    Require(::pipe2(out.data(), O_CLOEXEC) == 0, "pipe");
  }
  Require(::pipe2(err.data(), O_CLOEXEC) == 0, "pipe");

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output == Output::kTerminal) ::posix_spawn_file_actions_adddup2(&actions, out[1], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<char*> argv = {const_cast<char*>("latentctl")};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const int error = ::posix_spawn(&pid_, LATENTCTL, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
  Require(error == 0, "posix_spawn");
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(out_);
  ::close(err_);
}

void Process::Signal(int signal) const { ::kill(pid_, signal); }

void Process::Type(const std::string& keys) const {
  Require(::write(out_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()), "write");
}

Finished Process::Wait() {
  Finished finished;
  std::array<pollfd, 2> files = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  const std::array<std::string*, 2> texts = {&finished.out, &finished.err};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    ::poll(files.data(), files.size(), -1);
    for (size_t i = 0; i < files.size(); ++i) {
      if (files[i].fd < 0 || files[i].revents == 0) {
        continue;
      }
      std::array<char, 4096> buffer;
      const ssize_t count = ::read(files[i].fd, buffer.data(), buffer.size());
      if (count > 0) {
        texts[i]->append(buffer.data(), static_cast<size_t>(count));
      } else {
        files[i].fd = -1;  // poll passes over it; a terminal ends with EIO
      }
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

}  // namespace latentd::cli
