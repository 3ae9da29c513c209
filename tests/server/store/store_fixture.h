#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/store/memory_job_store.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/core/test_requests.h"

namespace latentd::store {

class FakeListener : public core::WorkListener {
 public:
  void OnWorkAvailable() override { ++work_available; }
  void OnJobEnded(const core::Claim& claim) override { ended.push_back(claim.job); }

  int work_available = 0;
  std::vector<std::string> ended;
};

// A store whose time stands still, and short ways to do the usual things with it.
class StoreFixture {
 public:
  explicit StoreFixture(MemoryJobStoreOptions options = {}) : store(WithClock(std::move(options))) {}

  static std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

  // A job's name. REQUIRES: it is admitted.
  std::string Create(const core::RequestFields& fields = core::TestFields()) {
    return store.Create(core::TestRequest(fields), {}).value().name;
  }
  std::string CreateRunning(const core::RequestFields& fields = core::TestFields()) {
    std::string name = Create(fields);
    store.Claim(1000);
    store.OnStarted(name, {});
    return name;
  }

  core::JobState State(const std::string& name) { return store.Get(name).value().state; }

  static core::Output Picture(int index, size_t bytes) {
    return {.index = index, .data = std::make_shared<const std::string>(bytes, 'x')};
  }

  // The kinds of events after a place, in short.
  static std::vector<std::string> ReadAll(core::Watch& watch) {
    std::vector<std::string> events;
    for (auto event = watch.Next(); event.ok() && event->has_value(); event = watch.Next()) {
      events.push_back(NameOf((*event)->kind));
    }
    return events;
  }

  static std::string NameOf(const core::EventKind& kind) {
    struct Name {
      std::string operator()(const core::Queued& e) { return absl::StrCat("queued ", e.position); }
      std::string operator()(const core::Started&) { return "started"; }
      std::string operator()(const core::Requeued&) { return "requeued"; }
      std::string operator()(const core::Progress& e) { return absl::StrCat("progress ", e.step); }
      std::string operator()(const core::Output& e) { return absl::StrCat("output ", e.index); }
      std::string operator()(const core::OutputChunk& e) { return absl::StrCat("chunk ", e.index); }
      std::string operator()(const core::Completed&) { return "completed"; }
      std::string operator()(const core::Failed&) { return "failed"; }
      std::string operator()(const core::Cancelled& e) { return absl::StrCat("cancelled ", e.reason); }
    };
    return std::visit(Name(), kind);
  }

  core::FakeClock clock{core::kTestNow};
  MemoryJobStore store;

 private:
  MemoryJobStoreOptions WithClock(MemoryJobStoreOptions options) {
    options.clock = &clock;
    return options;
  }
};

}  // namespace latentd::store
