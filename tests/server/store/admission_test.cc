#include "server/store/admission.h"

#include <gtest/gtest.h>

#include "server/core/errors.h"

namespace latentd::store {
namespace {

const absl::Duration kUntilRoom = absl::Seconds(3);

std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

TEST(AdmissionTest, LineIsBounded) {
  Admission admission({.max_queued_jobs = 2, .max_pending_bytes = 1000});
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(admission.Check(1, kUntilRoom).ok());
    admission.OnAdmitted(1);
  }
  const absl::Status full = admission.Check(1, kUntilRoom);
  EXPECT_EQ(full.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(full), "QUEUE_FULL");
  EXPECT_EQ(core::GetErrorDetails(full).retry_after, kUntilRoom);
}

TEST(AdmissionTest, StartedAndEndedJobsMakeRoom) {
  Admission admission({.max_queued_jobs = 1, .max_pending_bytes = 1000});
  admission.OnAdmitted(1);
  EXPECT_FALSE(admission.Check(1, kUntilRoom).ok());
  admission.OnStarted();
  EXPECT_TRUE(admission.Check(1, kUntilRoom).ok());
  admission.OnAdmitted(1);
  EXPECT_FALSE(admission.Check(1, kUntilRoom).ok());
  admission.OnEnded(/*started=*/false, 1);
  EXPECT_TRUE(admission.Check(1, kUntilRoom).ok());
  EXPECT_EQ(admission.running(), 1);
  admission.OnEnded(/*started=*/true, 1);
  EXPECT_EQ(admission.running(), 0);
  EXPECT_EQ(admission.queued(), 0);
}

TEST(AdmissionTest, BytesOfJobsThatHaveNotEndedAreBounded) {
  Admission admission({.max_queued_jobs = 100, .max_pending_bytes = 10});
  admission.OnAdmitted(6);
  admission.OnStarted();
  EXPECT_EQ(ReasonOf(admission.Check(5, kUntilRoom)), "QUEUE_FULL");
  EXPECT_TRUE(admission.Check(4, kUntilRoom).ok());
  admission.OnEnded(/*started=*/true, 6);
  EXPECT_TRUE(admission.Check(10, kUntilRoom).ok());
}

TEST(AdmissionTest, JobThatCouldNeverBeTakenIsNotToldToComeBack) {
  const Admission admission({.max_queued_jobs = 100, .max_pending_bytes = 10});
  const absl::Status refused = admission.Check(11, kUntilRoom);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "JOB_TOO_LARGE");
  EXPECT_EQ(core::GetErrorDetails(refused).retry_after, std::nullopt);
}

TEST(AdmissionTest, DrainingRefusesEverybody) {
  Admission admission({.max_queued_jobs = 1, .max_pending_bytes = 10, .drain_retry_after = absl::Seconds(5)});
  admission.Drain();
  const absl::Status refused = admission.Check(1, kUntilRoom);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), "DRAINING");
  EXPECT_EQ(core::GetErrorDetails(refused).retry_after, absl::Seconds(5));
}

}  // namespace
}  // namespace latentd::store
