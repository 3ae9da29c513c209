#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/core/mutex.h"

namespace latentd::e2e {

// A latentd of its own for one test: the real program, on free ports of the loopback interface. When it goes out of
// scope it is told to stop, and the test fails unless it ends in order (a sanitizer's report at its end is a failure).
class ServerProcess {
 public:
  struct Options {
    std::string models;                  // folder; empty: the embedded ones
    std::vector<std::string> arguments;  // further flags
  };

  // Waits until the program says that it is ready. Fails the test, and returns null, when it ends before.
  static std::unique_ptr<ServerProcess> Start(const Options& options);
  // Does not wait: there is no address.
  static std::unique_ptr<ServerProcess> Begin(const Options& options);
  ~ServerProcess();

  // Waits until the log has the text so many times, or the program has ended: then false.
  bool WaitForLog(const std::string& text, int times = 1);

  const std::string& address() const { return address_; }  // of gRPC, "127.0.0.1:PORT"
  // What GET /metrics answers now.
  std::string MetricsPage() const;
  pid_t pid() const { return pid_; }

  // Sends a signal.
  void Signal(int signal) const;

  // Waits for the end: the exit code, or -signal.
  int Wait();

  // What it has written to its log so far.
  std::string log() const;

  // Memory in bytes: now, and the most so far.
  int64_t resident() const { return Memory("VmRSS"); }
  int64_t peak() const { return Memory("VmHWM"); }

 private:
  ServerProcess() = default;
  void ReadLog(int fd);
  bool WaitUntilReady();
  int64_t Memory(const std::string& field) const;

  pid_t pid_ = -1;
  bool ended_ = false;
  std::string address_;
  int metrics_port_ = 0;
  std::thread reader_;

  mutable core::Mutex mutex_;
  core::CondVar changed_;
  std::string log_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Runs the program to its end, for what it refuses: exit code and what it wrote to standard error.
struct Finished {
  int code;
  std::string errors;
};
Finished RunServer(const std::vector<std::string>& arguments);

}  // namespace latentd::e2e
