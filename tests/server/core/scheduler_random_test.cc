// The scheduler's promises under thousands of random operations, against a plain model of what each row has been
// through.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/core/scheduler.h"

namespace latentd::core {
namespace {

struct Scenario {
  int seed = 0;
  bool priorities = false;  // rows of different urgency
  bool faults = false;      // failed rows, batches that do not fit, models that come and go
};

class RandomRun {
 public:
  explicit RandomRun(const Scenario& scenario) : scenario_(scenario), random_(scenario.seed), scheduler_(options_) {
    for (int m = 0; m < 2; ++m) {
      for (int size = 0; size < 3; ++size) {
        keys_.push_back(
            {.model = std::string(1, static_cast<char>('a' + m)), .latent_height = 8 + size, .latent_width = 8});
      }
    }
    SetReady("a", true);
    SetReady("b", true);
  }

  void Run(int operations) {
    for (int i = 0; i < operations && !::testing::Test::HasFatalFailure(); ++i) {
      const int dice = Draw(100);
      if (dice < 20) {
        SubmitJob();
      } else if (dice < 23) {
        CancelSomeJob();
      } else if (dice < 24 && scenario_.faults) {
        SetReady(Draw(2) == 0 ? "a" : "b", Draw(4) != 0);
      } else {
        Tick();
      }
    }
    SetReady("a", true);
    SetReady("b", true);
    while (!rows_.empty() && !::testing::Test::HasFatalFailure()) ASSERT_TRUE(Tick()) << rows_.size() << " rows stuck";
    EXPECT_EQ(scheduler_.stats().waiting_rows, 0);
    EXPECT_EQ(scheduler_.stats().active_rows, 0);
    EXPECT_EQ(submitted_, finished_ + failed_ + removed_) << "every row ends exactly once";
    EXPECT_GT(finished_, 0);
  }

 private:
  // What one row has been through.
  struct Past {
    RowTicket ticket;
    int encoded = 0;
    int evaluated = 0;
    bool active() const { return encoded > 0; }
  };

  // A key that waits for the device, and who had it meanwhile.
  struct Wait {
    absl::Time since;
    std::map<BatchKey, int> turns_of_others{};
  };

  int Draw(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }

  void SetReady(const std::string& model, bool ready) {
    scheduler_.SetModelReady(model, ready);
    if (ready) {
      ready_.insert(model);
    } else {
      ready_.erase(model);
    }
    // Waits are measured between changes only.
    waits_.clear();
    last_key_.reset();
  }

  void SubmitJob() {
    if (rows_.size() > 60) return;
    const std::string job = "job" + std::to_string(++jobs_);
    const BatchKey& key = keys_[Draw(static_cast<int>(keys_.size()))];
    const int priority = scenario_.priorities ? Draw(5) - 2 : 0;
    const int lanes = 1 + Draw(2);
    const int steps = Draw(6);
    // As a sampler of first order takes them, one of second order, and one with a warm-up.
    const int evaluations = std::vector<int>{steps, std::max(0, 2 * steps - 1), steps + 3}[Draw(3)];
    for (int i = 1 + Draw(6); i > 0; --i) {
      const RowTicket ticket{.id = ++submitted_,
                             .job = job,
                             .key = key,
                             .priority = priority,
                             .submitted = now_,
                             .evaluations = evaluations,
                             .lanes = lanes};
      scheduler_.Submit(ticket);
      rows_[ticket.id] = {.ticket = ticket};
    }
  }

  void CancelSomeJob() {
    if (rows_.empty()) return;
    const std::string job = std::next(rows_.begin(), Draw(static_cast<int>(rows_.size())))->second.ticket.job;
    const std::vector<RowId> removed = scheduler_.RemoveJob(job);
    size_t expected = 0;
    for (const auto& [id, past] : rows_) expected += past.ticket.job == job ? 1 : 0;
    EXPECT_EQ(removed.size(), expected);
    for (const RowId id : removed) {
      EXPECT_EQ(rows_.at(id).ticket.job, job);
      Erase(id);
      ++removed_;
    }
  }

  bool Tick() {
    NoteWaits();
    const std::optional<Plan> plan = scheduler_.NextPlan(now_);
    if (!plan.has_value()) {
      for (const auto& [id, past] : rows_) EXPECT_FALSE(ready_.contains(past.ticket.key.model)) << "idle beside work";
      return false;
    }
    CheckPlan(*plan);
    CheckWaits(plan->key);
    const std::optional<Plan> again = scheduler_.NextPlan(now_);
    EXPECT_TRUE(again.has_value() && again->rows == plan->rows && again->stage == plan->stage);

    now_ += absl::Milliseconds(1 + Draw(kLongestTickMs));
    if (Draw(20) == 0) CancelSomeJob();
    if (scenario_.faults && Draw(30) == 0) {
      scheduler_.ShrinkBatch(plan->key, plan->stage, static_cast<int>(plan->rows.size()) / 2);
      scheduler_.Update(*plan, now_, std::vector<RowResult>(plan->rows.size(), RowResult::kNotRun));
      return true;
    }
    std::vector<RowResult> results;
    for (const RowId id : plan->rows) {
      const bool goes_on = scenario_.faults && plan->stage == Stage::kDecode && Draw(3) == 0;
      results.push_back(goes_on                             ? RowResult::kGoesOn
                        : scenario_.faults && Draw(50) == 0 ? RowResult::kFailed
                                                            : RowResult::kOk);
      Book(id, plan->stage, results.back());
    }
    scheduler_.Update(*plan, now_, results);
    return true;
  }

  void CheckPlan(const Plan& plan) {
    ASSERT_FALSE(plan.rows.empty());
    EXPECT_TRUE(ready_.contains(plan.key.model)) << "model is on the device";
    int lanes = 0;
    std::set<RowId> distinct;
    for (const RowId id : plan.rows) {
      ASSERT_TRUE(rows_.contains(id)) << "row ended or was removed";
      const Past& past = rows_.at(id);
      EXPECT_TRUE(past.ticket.key == plan.key) << "two keys in one plan";
      EXPECT_TRUE(distinct.insert(id).second) << "row twice in one plan";
      EXPECT_EQ(StageOf(past), plan.stage);
      lanes += past.ticket.lanes;
    }
    const BatchingOptions& batching = options_.batching;
    const size_t most = plan.stage == Stage::kEncode    ? batching.max_encode_rows
                        : plan.stage == Stage::kPredict ? batching.max_batch_rows
                                                        : batching.max_decode_rows;
    EXPECT_LE(plan.rows.size(), most);
    if (plan.stage == Stage::kPredict) {
      EXPECT_LE(lanes, batching.max_lanes);
    }

    int active = 0;
    int active_lanes = 0;
    size_t predicting = 0;
    for (const auto& [id, past] : rows_) {
      if (past.ticket.key != plan.key || !past.active()) continue;
      ++active;
      active_lanes += past.ticket.lanes;
      predicting += StageOf(past) == Stage::kPredict ? 1 : 0;
      EXPECT_TRUE(plan.stage == Stage::kDecode || StageOf(past) != Stage::kDecode) << "finished rows come first";
    }
    EXPECT_LE(active, batching.max_batch_rows);
    EXPECT_LE(active_lanes, batching.max_lanes);
    if (plan.stage == Stage::kPredict && !scenario_.faults) {
      EXPECT_EQ(plan.rows.size(), predicting) << "rows that began run in every batch";
    }
  }

  static Stage StageOf(const Past& past) {
    if (past.encoded == 0) return Stage::kEncode;
    return past.evaluated < past.ticket.evaluations ? Stage::kPredict : Stage::kDecode;
  }

  void Book(RowId id, Stage stage, RowResult result) {
    const auto row = rows_.find(id);
    if (row == rows_.end()) return;  // cancelled since the plan
    if (result == RowResult::kGoesOn) return;
    if (result == RowResult::kFailed) {
      ++failed_;
      Erase(id);
    } else if (stage == Stage::kEncode) {
      EXPECT_EQ(++row->second.encoded, 1);
    } else if (stage == Stage::kPredict) {
      EXPECT_LE(++row->second.evaluated, row->second.ticket.evaluations);
    } else {
      EXPECT_EQ(row->second.evaluated, row->second.ticket.evaluations) << "evaluations are counted exactly";
      ++finished_;
      Erase(id);
    }
  }

  void Erase(RowId id) {
    const BatchKey key = rows_.at(id).ticket.key;
    rows_.erase(id);
    const bool dry =
        std::none_of(rows_.begin(), rows_.end(), [&](const auto& row) { return row.second.ticket.key == key; });
    if (!dry) return;
    // Whoever comes back begins to wait anew.
    waits_.erase(key);
    if (last_key_ == key) last_key_.reset();
  }

  // Starts the watch over keys that could run now.
  void NoteWaits() {
    std::set<BatchKey> runnable;
    for (const auto& [id, past] : rows_) {
      if (ready_.contains(past.ticket.key.model)) runnable.insert(past.ticket.key);
    }
    for (const BatchKey& key : runnable) {
      if (key != last_key_) waits_.try_emplace(key, Wait{.since = now_});
    }
  }

  void CheckWaits(const BatchKey& planned) {
    if (planned != last_key_) {
      if (last_key_.has_value()) waits_.try_emplace(*last_key_, Wait{.since = now_});
      for (auto& [key, wait] : waits_) {
        if (key == planned) continue;
        const int turns = ++wait.turns_of_others[planned];
        EXPECT_TRUE(scenario_.priorities || turns == 1) << "somebody had two turns while another key waited";
      }
    }
    last_key_ = planned;
    if (const auto wait = waits_.find(planned); wait != waits_.end()) {
      const int tick_ms = kLongestTickMs + 1;
      const int decodes = options_.batching.max_batch_rows / options_.batching.max_decode_rows + 1;
      const absl::Duration wind_down = absl::Milliseconds(tick_ms) * (1 + decodes);
      const auto others = static_cast<int>(keys_.size()) - 1;
      const int levels = scenario_.priorities ? 4 : 0;
      EXPECT_LE(now_ - wait->second.since, others * (options_.turn + wind_down) + levels * options_.ageing);
      waits_.erase(wait);
    }
  }

  static constexpr int kLongestTickMs = 20;

  const Scenario scenario_;
  const SchedulerOptions options_{
      .batching = {.max_batch_rows = 6, .max_lanes = 9, .max_encode_rows = 4, .max_decode_rows = 2},
      .turn = absl::Milliseconds(60),
      .ageing = absl::Milliseconds(100)};
  std::mt19937 random_;
  Scheduler scheduler_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::vector<BatchKey> keys_;
  std::set<std::string> ready_;
  std::map<RowId, Past> rows_;  // that have neither ended nor been removed
  std::map<BatchKey, Wait> waits_;
  std::optional<BatchKey> last_key_;
  int jobs_ = 0;
  RowId submitted_ = 0;
  RowId finished_ = 0;
  RowId failed_ = 0;
  RowId removed_ = 0;
};

class SchedulerRandomTest : public ::testing::TestWithParam<int> {};

TEST_P(SchedulerRandomTest, KeepsItsPromises) { RandomRun({.seed = GetParam()}).Run(4000); }

TEST_P(SchedulerRandomTest, KeepsItsPromisesWithPriorities) {
  RandomRun({.seed = GetParam(), .priorities = true}).Run(4000);
}

TEST_P(SchedulerRandomTest, KeepsItsPromisesThroughFaults) {
  RandomRun({.seed = GetParam(), .priorities = true, .faults = true}).Run(4000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerRandomTest, ::testing::Range(0, 8));

}  // namespace
}  // namespace latentd::core
