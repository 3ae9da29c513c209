#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/core/batching_policy.h"
#include "server/core/fair_shares.h"
#include "server/core/stage.h"

namespace latentd::core {

using RowId = int64_t;

// A row as the scheduler knows it. It is encoded, evaluated `evaluations` times and decoded.
struct RowTicket {
  RowId id = 0;  // never used before
  std::string job{};
  BatchKey key{};
  int priority = 0;
  absl::Time submitted{};
  int evaluations =
      0;          // U-Net predictions in all: more than the steps for Heun and PNDM; 0 goes straight to the decoder
  int lanes = 1;  // 1, or 2 with guidance; for each frame of a clip
  std::string tenant{};
  double weight = 1;  // of the tenant's share of the device
};

// What the device does next: one stage for rows of one key.
struct Plan {
  Stage stage = Stage::kEncode;
  BatchKey key{};
  std::vector<RowId> rows{};
};

enum class RowResult {
  kOk,      // the stage's work is done, for predictions one evaluation
  kGoesOn,  // decoding only: a part of the work is done, and the row is planned again for the rest
  kNotRun,  // nothing happened: the row stays where it was and is planned again (out of memory)
  kFailed,  // the row is over
};

struct SchedulerStats {
  int waiting_rows = 0;  // not encoded yet
  int active_rows = 0;   // encoded: they hold a latent
  int active_lanes = 0;
};

struct SchedulerOptions {
  BatchingOptions batching{};
  // How long a key may keep the device while another one has rows to run.
  absl::Duration turn = absl::Seconds(1);
  // Waiting so long counts as much as one level of priority.
  absl::Duration ageing = absl::Seconds(10);
};

// Decides which rows run next; pure bookkeeping, without threads, clock or model. Not thread-safe.
//
//   scheduler.Submit(ticket);
//   while (auto plan = scheduler.NextPlan(clock.Now())) {
//     scheduler.Update(*plan, clock.Now(), engine.Run(*plan));
//   }
//
// Within a key: rows that have begun stay in every batch until they are done. Free places go to waiting rows of the
// tenant that has the fewest lanes in the batch for its weight, or then had the least time; of one tenant's rows by
// priority, raised by waiting, then by arrival. They join between any two steps. Finished rows are decoded at once. A
// row begins only when its place is free, so at most one full batch of rows per key holds latents. Decoding may take
// several runs; between them jobs can be removed, and other keys get their turn.
//
// Between keys: the key that has the device keeps it while no other has rows to run, and at least for `turn`; meanwhile
// rows of its own join ahead of incompatible ones that came earlier. After that comes the key whose rows are of
// tenants that had the least time on the device for their weights, in the mean over the lanes of its batch; for a
// tenant alone, and among its keys, the key that waits longest, each level of priority (of its most urgent row)
// counting for `ageing` of waiting. The others pause and keep their state. Of one tenant, a key that waits with the
// highest priority therefore gets the device after at most
//   (number of other keys) × (turn + wind-down),
// where the wind-down is the step in which the turn ends and one run of decoding what that step finished. Against keys
// that are D levels more urgent it waits at most D × ageing longer. Tenants that share no batch, and have rows all the
// while, get times that are as their weights, but for a turn; who comes back after a pause is owed nothing for it.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerOptions& options);

  // REQUIRES: the id was never used, lanes is at least 1.
  void Submit(const RowTicket& ticket);

  // Only rows of ready models are planned. No model is ready at first.
  void SetModelReady(const std::string& model, bool ready);

  // Rows of a held model that wait do not begin; those that began go on. So a model that is always busy can be emptied
  // and unloaded for another.
  void SetModelHeld(const std::string& model, bool held);

  // What to do next; empty when nothing can run. Without an Update in between it plans the same again. REQUIRES: `now`
  // never falls between calls.
  std::optional<Plan> NextPlan(absl::Time now);

  // Books what became of the rows of a plan: results[i] is that of plan.rows[i]. Rows that were removed meanwhile are
  // passed over. Call ShrinkBatch first when the plan was too large. REQUIRES: the plan is the last one and was not
  // booked.
  void Update(const Plan& plan, absl::Time now, const std::vector<RowResult>& results);

  // Frees the job's rows at once, and names them.
  std::vector<RowId> RemoveJob(const std::string& job);

  // That many rows of the key were too many for one run of the stage: at most `rows` (at least 1) from now on. Recovers
  // by one row every BatchingPolicy::kCleanRunsPerRow runs.
  void ShrinkBatch(const BatchKey& key, Stage stage, int rows);

  SchedulerStats stats() const;
  // Rows of the model, waiting and active together.
  SchedulerStats ModelStats(const std::string& model) const;

 private:
  // Rows of one key wait in the order of their urgency, and run in the order in which they began.
  using Place = std::pair<absl::Time, int64_t>;  // a time made earlier by priority; a number for equal ones
  struct Row {
    RowTicket ticket;
    Place place;
    Stage stage = Stage::kEncode;
    int evaluated = 0;
    bool partly_decoded = false;
  };
  struct Group {
    // Waits for the device since then: its first row came, or its last turn ended. Numbered, for equal times.
    absl::Time since;
    int64_t number = 0;
    std::map<std::string, std::map<Place, RowId>> waiting;  // by tenant; none is empty
    std::vector<RowId> active;
    std::map<int, int> priorities;  // of all its rows, counted
  };
  using Groups = std::map<BatchKey, Group>;

  bool Runnable(const BatchKey& key, const Group& group) const;
  void WaitFrom(Group& group, absl::Time time);
  Place Claim(const Group& group) const;
  std::map<std::string, int> LanesOf(const std::vector<RowId>& rows) const;
  double ShareOf(const BatchKey& key, const Group& group) const;
  Groups::iterator PickGroup(absl::Time now);
  bool MustDecode(const Group& group) const;
  std::vector<RowId> RowsInStage(const BatchKey& key, const Group& group, Stage stage) const;
  std::vector<RowId> RowsToBegin(const BatchKey& key, const Group& group) const;
  int Lanes(const Group& group) const;
  void AddTo(SchedulerStats& stats, const Group& group) const;
  static void StopWaiting(Group& group, const Row& row);
  void Book(Row& row, RowResult result);
  void Remove(RowId id);

  SchedulerOptions options_;
  BatchingPolicy batching_;
  std::unordered_map<RowId, Row> rows_;
  std::unordered_map<std::string, std::set<RowId>> jobs_;
  Groups groups_;  // only those with rows
  FairShares shares_;
  std::set<std::string> ready_;
  std::set<std::string> held_;
  std::optional<BatchKey> current_;  // has the device
  absl::Time turn_began_;
  absl::Time planned_at_;
  absl::Time latest_ = absl::InfinitePast();  // the latest time heard of
  int64_t submissions_ = 0;
  int64_t waits_ = 0;
};

}  // namespace latentd::core
