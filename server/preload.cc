#include "server/preload.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/mutex.h"
#include "server/log/log.h"

namespace latentd {
namespace {

// Counts those that are to come, and tells of the end once.
class Progress {
 public:
  Progress(int64_t awaited, std::function<void(const absl::Status&)> done)
      : awaited_(awaited), done_(std::move(done)) {}

  void OneEnded(const absl::Status& status) {
    std::function<void(const absl::Status&)> done;
    {
      core::MutexLock lock(mutex_);
      if (--awaited_ == 0 || !status.ok()) done = std::exchange(done_, nullptr);
    }
    if (done) done(status);
  }

 private:
  core::Mutex mutex_;
  int64_t awaited_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const absl::Status&)> done_ ABSL_GUARDED_BY(mutex_);  // null: it was told
};

}  // namespace

void Preload(const config::Preload& preload, engine::ModelRegistry& registry,
             std::function<void(const absl::Status&)> done) {
  std::vector<std::string> names = preload.names;
  if (preload.all) {
    for (const core::ModelInfo& model : registry.List()) names.push_back(model.name);
  }
  const auto progress = std::make_shared<Progress>(static_cast<int64_t>(names.size()) + 1, std::move(done));
  for (const std::string& name : names) {
    registry.Load(name, [progress, name, is_named = !preload.all](const absl::Status& status) {
      if (absl::IsCancelled(status)) return;  // the server stops
      if (status.ok()) {
        log::Info("a model is loaded", {{"model", name}});
      } else {
        log::Error("a model could not be preloaded", {{"model", name}, {"error", std::string(status.message())}});
      }
      progress->OneEnded(status.ok() || !is_named
                             ? absl::OkStatus()
                             : absl::Status(status.code(), absl::StrCat("--preload ", name, ": ", status.message())));
    });
  }
  progress->OneEnded(absl::OkStatus());
}

}  // namespace latentd
