#include "client/cli/top_output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/top_text.h"

namespace latentd::cli {
namespace {

class JsonOutput : public TopOutput {
 public:
  void Show(const std::vector<ReplicaSample>& samples, absl::Time now) override {
    std::cout << TopJson(samples, now) << std::endl;
  }
};

class LineOutput : public TopOutput {
 public:
  void Show(const std::vector<ReplicaSample>& samples, absl::Time now) override {
    std::cout << TopLine(samples, now) << std::endl;
  }
};

// On the terminal's second screen, so that the first is as it was afterwards; the last sample stays there.
class ScreenOutput : public TopOutput {
 public:
  explicit ScreenOutput(bool colour) : colour_(colour) { std::cout << "\x1b[?1049h\x1b[?25l" << std::flush; }
  ~ScreenOutput() override {
    std::cout << "\x1b[?25h\x1b[?1049l";
    for (const std::string& line : last_) std::cout << line << "\n";
    std::cout << std::flush;
  }

  void Show(const std::vector<ReplicaSample>& samples, absl::Time now) override {
    winsize size{};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_row > 1;
    last_ = TopScreen(samples, now, known ? ScreenSize{size.ws_col - 1, size.ws_row - 1} : ScreenSize{79, 23}, colour_);
    // Each line over the one before, the rest of it and what is below erased: nothing flickers.
    std::cout << "\x1b[H" << absl::StrJoin(last_, "\x1b[K\r\n") << "\x1b[K\x1b[J" << std::flush;
  }

 private:
  const bool colour_;
  std::vector<std::string> last_;
};

absl::string_view Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::unique_ptr<TopOutput> TopOutput::Make(bool json) {
  if (json) return std::make_unique<JsonOutput>();
  if (::isatty(STDOUT_FILENO) == 0 || Environment("TERM") == "dumb") return std::make_unique<LineOutput>();
  return std::make_unique<ScreenOutput>(/*colour=*/Environment("NO_COLOR").empty());
}

}  // namespace latentd::cli
