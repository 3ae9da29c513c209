#include "tests/e2e/server_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/server/metrics/page.h"

extern char** environ;

namespace latentd::e2e {
namespace {

// Starts latentd with its standard error going to `*errors`.
pid_t Spawn(const std::vector<std::string>& arguments, int* errors) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  std::vector<std::string> words = {LATENTD_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, LATENTD_BINARY, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  *errors = pipe_ends[0];
  return failed == 0 ? pid : -1;
}

int Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

std::unique_ptr<ServerProcess> ServerProcess::Begin(const Options& options) {
  std::vector<std::string> arguments = {"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"};
  // The whole suite on another device: what is expected of pictures is for float32.
  if (const char* device = std::getenv("LATENTD_TEST_DEVICE"); device != nullptr) {
    arguments.insert(arguments.end(), {"--device", device});
    if (std::ranges::find(options.arguments, "--dtype") == options.arguments.end())
      arguments.insert(arguments.end(), {"--dtype", "float32"});
  }
  if (!options.models.empty()) arguments.insert(arguments.end(), {"--models", options.models});
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::unique_ptr<ServerProcess> server(new ServerProcess);
  int errors = -1;
  server->pid_ = Spawn(arguments, &errors);
  if (server->pid_ < 0) {
    ADD_FAILURE() << "could not start " << LATENTD_BINARY;
    return nullptr;
  }
  server->reader_ = std::thread([raw = server.get(), errors] { raw->ReadLog(errors); });
  return server;
}

std::unique_ptr<ServerProcess> ServerProcess::Start(const Options& options) {
  std::unique_ptr<ServerProcess> server = Begin(options);
  if (server == nullptr) return nullptr;
  if (!server->WaitUntilReady()) {
    ADD_FAILURE() << "latentd ended before it was ready:\n" << server->log();
    return nullptr;
  }
  return server;
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0 && !ended_) {
    Signal(SIGTERM);
    EXPECT_EQ(Wait(), 0) << log();
  }
  if (reader_.joinable()) reader_.join();
}

void ServerProcess::ReadLog(int fd) {
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = read(fd, buffer.data(), buffer.size())) > 0) {
    core::MutexLock lock(mutex_);
    log_.append(buffer.data(), static_cast<size_t>(count));
    changed_.NotifyAll();
  }
  close(fd);
  core::MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

bool ServerProcess::WaitForLog(const std::string& text, int times) {
  core::MutexLock lock(mutex_);
  while (true) {
    int found = 0;
    for (size_t at = 0; (at = log_.find(text, at)) != std::string::npos; at += text.size()) ++found;
    if (found >= times) return true;
    if (closed_) return false;
    changed_.Wait(mutex_);
  }
}

bool ServerProcess::WaitUntilReady() {
  core::MutexLock lock(mutex_);
  while (!closed_ && log_.find("\"message\":\"ready\"}\n") == std::string::npos) changed_.Wait(mutex_);
  std::smatch match;
  static const std::regex addresses("gRPC on (\\S+), metrics on \\S+:(\\d+)/metrics");
  if (!std::regex_search(log_, match, addresses)) return false;
  address_ = match[1];
  metrics_port_ = std::stoi(match[2]);
  return !closed_;
}

std::string ServerProcess::MetricsPage() const { return metrics::FetchPage(metrics_port_); }

void ServerProcess::Signal(int signal) const { kill(pid_, signal); }

int ServerProcess::Wait() {
  ended_ = true;
  return Reap(pid_);
}

std::string ServerProcess::log() const {
  core::MutexLock lock(mutex_);
  return log_;
}

int64_t ServerProcess::Memory(const std::string& field) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

Finished RunServer(const std::vector<std::string>& arguments) {
  int errors = -1;
  const pid_t pid = Spawn(arguments, &errors);
  Finished finished{};
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = read(errors, buffer.data(), buffer.size())) > 0) {
    finished.errors.append(buffer.data(), static_cast<size_t>(count));
  }
  close(errors);
  finished.code = Reap(pid);
  return finished;
}

}  // namespace latentd::e2e
