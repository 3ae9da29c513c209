#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace latentd::cli {

// What a finished program left.
struct Finished {
  int code = -1;  // as a shell shows it: 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// latentctl, run as a program of its own with pipes or, for its standard input and output, a terminal of 80 columns.
class Process {
 public:
  enum class Output { kPipe, kTerminal };

  explicit Process(const std::vector<std::string>& arguments, Output output = Output::kPipe);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int signal) const;

  // Presses keys. REQUIRES: a terminal.
  void Type(const std::string& keys) const;

  // Reads all it writes until it ends. Call once.
  Finished Wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

inline Finished RunLatentctl(const std::vector<std::string>& arguments) { return Process(arguments).Wait(); }

}  // namespace latentd::cli
