#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/cpp/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/cpp/fake_waiter.h"
#include "tests/client/fake_server.h"

namespace latentd::client {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int64_t kMiB = 1 << 20;
const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "connection reset");

// Two and a half parts, no two bytes of a kilobyte alike.
std::string TestBlob() {
  std::string blob(5 * kMiB / 2, '\0');
  for (size_t i = 0; i < blob.size(); ++i) {
    blob[i] = static_cast<char>(i * 7 + i / 1024);
  }
  return blob;
}

class PutBlobTest : public testing::Test {
 protected:
  // What was sent: offsets and sizes.
  std::vector<std::pair<int64_t, int64_t>> Sent() const {
    std::vector<std::pair<int64_t, int64_t>> parts;
    for (const v1::PutChunkRequest& request : server_.put_requests()) {
      parts.emplace_back(request.offset(), static_cast<int64_t>(request.data().size()));
    }
    return parts;
  }

  // A script that does its part and then loses the answer.
  FakeServer::PutScript TakeAndLose() {
    return [this](const v1::PutChunkRequest& request, v1::Blob& blob) {
      EXPECT_TRUE(server_.TakePart(request, blob).ok());
      return kLost;
    };
  }
  FakeServer::PutScript Take() {
    return [this](const v1::PutChunkRequest& request, v1::Blob& blob) { return server_.TakePart(request, blob); };
  }

  const std::string blob_ = TestBlob();
  const std::string hash_ = Sha256Hex(blob_);
  FakeServer server_;
  std::shared_ptr<FakeWaiter> waiter_ = std::make_shared<FakeWaiter>();
  std::unique_ptr<Client> client_ = Client::Connect(server_.address(), {.waiter = waiter_});
};

TEST_F(PutBlobTest, SendsPartsOfOneMebibyte) {
  EXPECT_EQ(client_->PutBlob(blob_).value(), hash_);
  EXPECT_EQ(server_.blobs.at(hash_), blob_);
  EXPECT_THAT(Sent(), ElementsAre(Pair(0, 0), Pair(0, kMiB), Pair(kMiB, kMiB), Pair(2 * kMiB, kMiB / 2)));
  for (const v1::PutChunkRequest& request : server_.put_requests()) {
    EXPECT_EQ(request.sha256(), hash_);
    EXPECT_EQ(request.total_size(), 5 * kMiB / 2);
  }
}

TEST_F(PutBlobTest, SendsNothingThatIsThere) {
  server_.blobs[hash_] = blob_;
  EXPECT_EQ(client_->PutBlob(blob_).value(), hash_);
  EXPECT_THAT(Sent(), ElementsAre(Pair(0, 0)));
}

TEST_F(PutBlobTest, GoesOnWhereAnotherStopped) {
  server_.blobs[hash_] = blob_.substr(0, 2 * kMiB + 5);
  EXPECT_EQ(client_->PutBlob(blob_).value(), hash_);
  EXPECT_EQ(server_.blobs.at(hash_), blob_);
  EXPECT_THAT(Sent(), ElementsAre(Pair(0, 0), Pair(2 * kMiB + 5, kMiB / 2 - 5)));
}

TEST_F(PutBlobTest, ALostConnectionCostsOnePartAtMost) {
  server_.put = {Take(), Take(), TakeAndLose(), [](auto&, auto&) { return kLost; }, Take()};
  int retries = 0;
  EXPECT_EQ(client_->PutBlob(blob_, {}, [&](const absl::Status&, absl::Duration) { ++retries; }).value(), hash_);
  EXPECT_EQ(retries, 2);
  EXPECT_EQ(waiter_->pauses().size(), 2u);
  EXPECT_EQ(server_.blobs.at(hash_), blob_);
  EXPECT_THAT(Sent(), ElementsAre(Pair(0, 0), Pair(0, kMiB), Pair(kMiB, kMiB), Pair(kMiB, kMiB), Pair(kMiB, kMiB),
                                  Pair(2 * kMiB, kMiB / 2)));
}

TEST_F(PutBlobTest, AServerThatStartedAnewGetsAll) {
  const auto forget_and_take = [this](const v1::PutChunkRequest& request, v1::Blob& blob) {
    server_.blobs.clear();
    return server_.TakePart(request, blob);
  };
  server_.put = {Take(), Take(), forget_and_take, Take()};
  EXPECT_EQ(client_->PutBlob(blob_).value(), hash_);
  EXPECT_EQ(server_.blobs.at(hash_), blob_);
  EXPECT_EQ(Sent().size(), 6u);
}

TEST_F(PutBlobTest, AServerThatKeepsNothingIsGivenUp) {
  server_.put = {[](const v1::PutChunkRequest&, v1::Blob&) { return grpc::Status::OK; }};
  EXPECT_EQ(client_->PutBlob(blob_).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(Sent().size(), 10u);
}

TEST_F(PutBlobTest, ANonsensicalAnswerIsAnErrorAndNothingWorse) {
  for (const int64_t received : {int64_t{-1}, int64_t{5 * kMiB / 2}, int64_t{1} << 60}) {
    server_.put = {[&](const v1::PutChunkRequest&, v1::Blob& blob) {
      blob.set_received_size(received);
      return grpc::Status::OK;
    }};
    EXPECT_EQ(client_->PutBlob(blob_).status().code(), absl::StatusCode::kInternal);
  }
}

TEST_F(PutBlobTest, WhatTheServerRefusesIsNotTriedAgain) {
  server_.put = {[](const v1::PutChunkRequest&, v1::Blob&) {
    return ServerError(grpc::StatusCode::RESOURCE_EXHAUSTED, "no room", "BLOBS_FULL");
  }};
  const absl::Status status = client_->PutBlob(blob_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetails(status).info.reason(), "BLOBS_FULL");
  EXPECT_EQ(Sent().size(), 1u);
}

TEST_F(PutBlobTest, AStopEndsItBetweenParts) {
  std::stop_source source;
  server_.put = {Take(), [&](const v1::PutChunkRequest&, v1::Blob&) {
                   source.request_stop();
                   return kLost;
                 }};
  EXPECT_EQ(client_->PutBlob(blob_, {.stop = source.get_token()}).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Sent().size(), 2u);
}

TEST_F(PutBlobTest, NoBytesAreNoBlob) {
  EXPECT_EQ(client_->PutBlob("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Sent().empty());
}

}  // namespace
}  // namespace latentd::client
