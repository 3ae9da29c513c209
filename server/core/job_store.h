#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/checkpoint.h"
#include "server/core/event.h"
#include "server/core/generation_request.h"

namespace latentd::core {

enum class JobState { kQueued, kRunning, kCompleted, kFailed, kCancelled };

// "queued", "running", …
const char* Name(JobState state);

inline bool IsFinal(JobState state) { return state >= JobState::kCompleted; }

// A job as it is now: a copy that stays what it was.
struct Job {
  std::string name{};  // "jobs/<uuid>"
  std::shared_ptr<const GenerationRequest> request{};
  std::string tenant{};
  std::string request_id{};
  std::string trace_id{};
  JobState state = JobState::kQueued;
  absl::Time create_time{};
  std::optional<absl::Time> start_time{};
  std::optional<absl::Time> end_time{};
  std::optional<absl::Time> expire_time{};
  int64_t last_sequence = 0;
  std::vector<Output> outputs{};  // those that are ready, by index
  absl::Status error{};           // why it failed or was cancelled
  std::optional<Usage> usage{};   // so far, or in all; set once there is something to say
  std::vector<Warning> warnings{};
};

// One handing out of a job. A job that its runner has lost may be handed out again, to the same one even: that is
// another claim.
struct Claim {
  Claim() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): where a store has no tokens, a job's name is its claim
  Claim(std::string name, std::string claim_token = "") : job(std::move(name)), token(std::move(claim_token)) {}

  std::string job{};
  std::string token{};  // the store's; empty when it hands out each job once

  auto operator<=>(const Claim&) const = default;
};

// What the job's runner writes down. Calls for one job come from one thread at a time; events of a job that has ended
// are dropped: a cancel may overtake its runner; so are those of a claim that is not the job's any more. queue_time is
// the store's own to fill in.
class JobSink {
 public:
  virtual ~JobSink() = default;

  virtual void OnStarted(const Claim& claim, Started event) = 0;
  virtual void OnProgress(const Claim& claim, Progress event) = 0;
  virtual void OnOutput(const Claim& claim, Output output) = 0;
  // What the job took so far: no event, but what its end tells when others end it. Also heard after such an end, for
  // the work that was under way.
  virtual void OnUsage(const Claim& claim, Usage usage) = 0;
  // Where the job stands, should its runner be lost: no event. The latest replaces those before.
  virtual void OnCheckpoint(const Claim& claim, Checkpoint checkpoint) = 0;
  // The runner gives the job up: it waits again, and whoever claims it goes on from there.
  virtual void OnHandedBack(const Claim& claim, std::string reason, Checkpoint checkpoint) = 0;
  virtual void OnCompleted(const Claim& claim, Usage usage) = 0;
  virtual void OnFailed(const Claim& claim, absl::Status status, Usage usage) = 0;
  // It cannot be run here (a model or an adapter that does not load), which may be no fault of the job's: others go on
  // from there, where a few of them may still try; else it has failed.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): whoever overrides it keeps the checkpoint
  virtual void OnUnable(const Claim& claim, absl::Status status, Checkpoint checkpoint) {
    OnFailed(claim, std::move(status), checkpoint.usage);
  }
};

// A job handed to the engine.
struct ClaimedJob {
  std::string name{};
  std::string token{};  // of the claim
  std::shared_ptr<const GenerationRequest> request{};
  absl::Time create_time{};
  std::string tenant{};
  double weight = 1;  // of the tenant's share of the device
  // Of one that was run before: where to go on, and the outputs that it has made already.
  Checkpoint checkpoint{};
  std::set<int> outputs{};
  int failed_outputs = 0;  // of those

  Claim claim() const { return {name, token}; }
};

// What an engine could take in.
struct Capacity {
  int jobs = 0;                              // that begin soon
  std::vector<std::string> models{};         // that it has, or is about to have
  std::vector<std::string> other_models{};   // that it could load
  std::vector<std::string> broken_models{};  // that it knows and cannot load
  bool can_load = true;                      // now: it loads none already

  bool operator==(const Capacity&) const = default;
};

// What the engine is told; implemented by it. Any thread, but never inside a call of JobSink (but OnHandedBack) or
// Claim; must not block nor call back into the store. No lock of the store is held meanwhile.
class WorkListener {
 public:
  virtual ~WorkListener() = default;

  // Claim would return something.
  virtual void OnWorkAvailable() = 0;

  // A claimed job was cancelled, its time is over, or somebody else has it: free its rows before the next step. May
  // come on another thread before the Claim that handed the job out has returned.
  virtual void OnJobEnded(const Claim& claim) = 0;
};

// A reader's place in one job's history. Pull, so that a slow reader holds nothing but its place: between two calls of
// Next the log goes on and keeps only the newest progress of each output. Not thread-safe; destroying it stops the
// notifications (and waits for one that is under way).
class Watch {
 public:
  virtual ~Watch() = default;

  // The first event after the place, and moves on; empty when there is none yet. NOT_FOUND, naming the job, when it was
  // deleted.
  // After a terminal event there is nothing more.
  virtual absl::StatusOr<std::optional<Event>> Next() = 0;
};

struct CreateOptions {
  std::string tenant{};               // whose job it is
  std::string request_id{};           // of the tenant's; empty: none
  std::string request_fingerprint{};  // of the whole request; compared when the id is known
  std::string trace_id{};             // of the call that makes it, for logs
  std::string run{};                  // equal for those of the tenant's that may share a run; empty: it has its own
};

struct ListOptions {
  std::string tenant{};  // whose jobs
  int page_size = 50;
  std::string page_token{};
  std::vector<JobState> states{};               // empty: any
  std::map<std::string, std::string> labels{};  // all must match
};

struct JobPage {
  std::vector<Job> jobs{};  // newest first
  std::string next_page_token{};
};

// Jobs with their histories and outputs: the memory of the service. Thread-safe; nothing blocks for long.
class JobStore : public JobSink {
 public:
  // --- callers' side ---

  // Admits and queues. Errors: UNAVAILABLE (queue full, draining), RESOURCE_EXHAUSTED (a quota of the tenant's),
  // ALREADY_EXISTS (same request id, another body). A refused request leaves nothing behind. The same id and body give
  // the job there is. Of jobs that share a run one leads it: that alone is handed out, and what is written of it is
  // written of all. When it ends and its run has not, another leads on.
  virtual absl::StatusOr<Job> Create(std::shared_ptr<const GenerationRequest> request,
                                     const CreateOptions& options) = 0;

  // NOT_FOUND.
  virtual absl::StatusOr<Job> Get(const std::string& name) const = 0;

  // Whose job it is, which never changes. NOT_FOUND.
  virtual absl::StatusOr<std::string> TenantOf(const std::string& name) const = 0;

  // INVALID_ARGUMENT: the page token is not of a list with this tenant and these states and labels.
  virtual absl::StatusOr<JobPage> List(const ListOptions& options) const = 0;

  // Gives the job as it is now; one that had ended stays as it was. NOT_FOUND.
  virtual absl::StatusOr<Job> Cancel(const std::string& name, const std::string& reason) = 0;

  // Gives up every job that is left here: what no other process could go on with is cancelled.
  virtual void GiveUpAll(const std::string& reason) = 0;

  // NOT_FOUND; FAILED_PRECONDITION before its end.
  virtual absl::Status Delete(const std::string& name) = 0;

  // NOT_FOUND; FAILED_PRECONDITION: not ready yet.
  virtual absl::StatusOr<Output> GetOutput(const std::string& name, int index) const = 0;

  // `on_ready` is called when Next may have something new: at most once between two calls of Next, and only after a
  // Next that gave nothing; so call Next first, and until it gives nothing. It must not block, and may call and destroy
  // this watch, nothing else of the store. It comes on any thread, also inside another job's Create, Cancel or Delete,
  // but never inside Next and OpenWatch. Hold no lock that it takes over the former, nor while the watch is destroyed.
  //
  // A place past the last event counts as the last; of a job that has ended the terminal event always comes, so that
  // every reader sees an end. Errors: NOT_FOUND. REQUIRES: the store outlives the watch.
  virtual absl::StatusOr<std::unique_ptr<Watch>> OpenWatch(const std::string& name, int64_t after_sequence,
                                                           std::function<void()> on_ready) = 0;

  // --- engine's side ---

  // Sets who is told of work; null to stop. Returns when no call of the former listener is under way: not to be called
  // inside one. Work that waits already is told of before the return.
  virtual void SetListener(WorkListener* listener) = 0;

  // What the engine has room for, when that changes and after each Claim that gave something: a store of several
  // engines hands out no more than that, and jobs of these models first. Must not block.
  virtual void Offer(const Capacity& capacity) = 0;

  // Up to `limit` waiting jobs, those of one tenant in the order of priority and arrival; each is claimed once.
  virtual std::vector<ClaimedJob> Claim(int limit) = 0;

  // Refuses new jobs from now on, with UNAVAILABLE, and hands out none that other engines can run.
  virtual void Drain() = 0;

  // Waits until all that was said of jobs before is as safe as it gets, or until `deadline`: then false.
  virtual bool Flush(absl::Time deadline) = 0;
};

}  // namespace latentd::core
