#include "client/cli/reporter.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/json.h"
#include "client/cli/progress_bar.h"
#include "client/cli/text.h"
#include "client/cpp/job_watcher.h"

namespace latentd::cli {
namespace {

class JsonReporter : public Reporter {
 public:
  void OnEvent(const v1::Event& event) override { std::cout << EventJson(event) << std::endl; }
  void OnSaved(const std::string&) override {}  // The caller chose the names.
};

class LineReporter : public Reporter {
 public:
  void OnEvent(const v1::Event& event) override {
    if (!named_) {
      named_ = true;
      std::cout << "job: " << event.job() << std::endl;
    }
    if (const std::string text = EventText(event); !text.empty()) {
      std::cout << text << std::endl;
    }
  }

  void OnSaved(const std::string& path) override { std::cout << "saved: " << path << std::endl; }

 private:
  bool named_ = false;
};

class BarReporter : public Reporter {
 public:
  explicit BarReporter(int outputs) : bar_(outputs) {}
  ~BarReporter() override { Erase(); }

  void OnEvent(const v1::Event& event) override {
    bar_.Update(event);
    const bool bad_output = event.has_output() && event.output().state() != v1::Output::STATE_OK;
    if (bad_output || !event.started().warnings().empty() || event.has_completed()) {
      Above(EventText(event));
    } else {
      Draw();
    }
  }

  void OnSaved(const std::string& path) override { Above(absl::StrCat("saved: ", path)); }

  void OnRetry(const absl::Status& error, absl::Duration delay) override {
    Erase();
    Reporter::OnRetry(error, delay);
    Draw();
  }

 private:
  static int Columns() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
  }

  static void Erase() { std::cout << "\r\x1b[K" << std::flush; }
  void Draw() { std::cout << "\r" << bar_.Render(Columns()) << "\x1b[K" << std::flush; }

  void Above(const std::string& line) {
    Erase();
    std::cout << line << "\n";
    Draw();
  }

  ProgressBar bar_;
};

}  // namespace

std::string RetryText(const absl::Status& error, absl::Duration delay) {
  return absl::StrCat(error.message(), "; trying again in ", DurationText(delay));
}

void Reporter::OnRetry(const absl::Status& error, absl::Duration delay) {
  std::cerr << RetryText(error, delay) << std::endl;
}

std::unique_ptr<Reporter> Reporter::Make(bool json, int outputs) {
  if (json) {
    return std::make_unique<JsonReporter>();
  }
  if (::isatty(STDOUT_FILENO) != 0) {
    return std::make_unique<BarReporter>(outputs);
  }
  return std::make_unique<LineReporter>();
}

}  // namespace latentd::cli
