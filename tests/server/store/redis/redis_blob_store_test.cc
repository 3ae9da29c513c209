// Blobs that two processes share: parts come to either, and both have what is there.

#include "server/store/redis/redis_blob_store.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "server/core/errors.h"
#include "server/imaging/sha256.h"
#include "server/store/redis/scripts.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/store/blobs_of_tenants.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

using ::testing::HasSubstr;

BlobsUnderTest InRedis(const BlobBounds& bounds) {
  auto server = std::make_shared<RedisServer>();
  static core::FakeClock clock;
  auto store = std::make_unique<RedisBlobStore>(RedisBlobStoreOptions{.address = server->address(),
                                                                      .clock = &clock,
                                                                      .bytes = bounds.bytes,
                                                                      .max_blob_bytes = bounds.max_blob_bytes,
                                                                      .max_blobs = bounds.max_blobs,
                                                                      .max_uploads = bounds.max_uploads});
  return {std::move(server), std::move(store)};
}
INSTANTIATE_TEST_SUITE_P(InRedis, BlobsOfTenants, testing::Values(InRedis));

std::string Hash(const std::string& bytes) { return imaging::Sha256Hex(bytes); }
std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

// All bytes differ from their neighbours, so that none goes to a wrong place unseen.
std::string Bytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
  return bytes;
}

class RedisBlobStoreTest : public testing::Test {
 protected:
  RedisBlobStoreOptions Options() const {
    return {.address = server_.address(),
            .clock = &clock_,
            .bytes = 1000,
            .max_blob_bytes = 400,
            .max_uploads = 4,
            .ttl = absl::Seconds(20),
            .upload_ttl = absl::Seconds(10)};
  }

  static absl::StatusOr<core::BlobState> PutPart(core::BlobStore& store, const std::string& blob, size_t offset,
                                                 size_t size) {
    return store.Put({.sha256 = Hash(blob),
                      .total_size = static_cast<int64_t>(blob.size()),
                      .offset = static_cast<int64_t>(offset),
                      .data = std::string_view(blob).substr(offset, size),
                      .tenant = "shop"});
  }
  static absl::StatusOr<core::BlobState> Put(core::BlobStore& store, const std::string& blob) {
    return PutPart(store, blob, 0, blob.size());
  }
  static core::Blob Find(core::BlobStore& store, const std::string& blob, const std::string& tenant = "shop") {
    return store.Find({.tenant = tenant, .sha256 = Hash(blob)}).value();
  }

  RedisReply Run(const RedisCommand& command) {
    auto reply = redis_.Run(command);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : RedisReply();
  }
  size_t Keys() { return Run({"KEYS", "*"}).list().size(); }

  RedisServer server_;
  core::FakeClock clock_;
  RedisConnection redis_{{.address = server_.address(), .greeting = LoadScripts()}};
  RedisBlobStore one_{Options()}, two_{Options()};
};

TEST_F(RedisBlobStoreTest, PartsComeToEitherAndBothHaveTheBlob) {
  const std::string blob = Bytes(300);
  const auto first = PutPart(one_, blob, 200, 100);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->received_size, 0);
  EXPECT_GT(first->expire_time, absl::Now() + absl::Seconds(5));
  EXPECT_EQ(PutPart(two_, blob, 50, 100)->received_size, 0);
  EXPECT_EQ(Find(one_, blob), nullptr);
  EXPECT_EQ(PutPart(one_, blob, 0, 60)->received_size, 150);
  EXPECT_EQ(PutPart(one_, blob, 0, 0)->received_size, 150) << "one that asks";
  const auto last = PutPart(two_, blob, 140, 160);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(last->complete);
  EXPECT_EQ(last->received_size, 300);
  EXPECT_GT(last->expire_time, absl::Now() + absl::Seconds(15));
  for (RedisBlobStore* store : {&one_, &two_}) {
    ASSERT_NE(Find(*store, blob), nullptr);
    EXPECT_EQ(*Find(*store, blob), blob);
    EXPECT_TRUE(Put(*store, blob)->complete) << "a repeated part";
  }
  EXPECT_EQ(Find(one_, blob, "rival"), nullptr);
  EXPECT_EQ(Keys(), 3u) << "the blob, the list of blobs, and the counts";
}

TEST_F(RedisBlobStoreTest, PartsInAnyOrderMakeTheBlob) {
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    std::string blob = Bytes(400);
    blob[0] = static_cast<char>(round);
    bool complete = false;
    std::vector<std::pair<size_t, size_t>> parts;
    for (size_t at = 0; at < blob.size();) {
      const size_t size = 1 + random() % 60;
      parts.emplace_back(at, size + random() % 30);  // overlaps
      at += size;
    }
    std::shuffle(parts.begin(), parts.end(), random);
    for (const auto& [at, size] : parts) {
      const auto state = PutPart(random() % 2 == 0 ? one_ : two_, blob, at, size);
      ASSERT_TRUE(state.ok()) << state.status();
      complete = state->complete;
    }
    EXPECT_TRUE(complete);
    EXPECT_EQ(*Find(one_, blob), blob);
  }
}

TEST_F(RedisBlobStoreTest, WhatContradictsIsRefused) {
  const std::string blob = Bytes(300);
  ASSERT_TRUE(PutPart(one_, blob, 0, 100).ok());
  ASSERT_TRUE(PutPart(one_, blob, 200, 50).ok());
  std::string wrong = blob;
  wrong[95] ^= 1;
  wrong[205] ^= 1;
  const auto put = [&](size_t offset, size_t size) {
    return two_
        .Put({Hash(blob), 300, static_cast<int64_t>(offset), std::string_view(wrong).substr(offset, size), "shop"})
        .status();
  };
  EXPECT_EQ(put(90, 20).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(put(90, 20).message()), HasSubstr("byte 95 "));
  EXPECT_THAT(std::string(put(150, 80).message()), HasSubstr("byte 205 "));
  EXPECT_TRUE(PutPart(one_, blob, 90, 210)->complete);
  EXPECT_EQ(one_.Put({Hash(blob), 299, 0, "x", "shop"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RedisBlobStoreTest, AWrongHashDropsAllThatCame) {
  const std::string blob = Bytes(300);
  ASSERT_TRUE(one_.Put({Hash(blob), 300, 0, std::string(200, 'x'), "shop"}).ok());
  const absl::Status wrong = PutPart(two_, blob, 200, 100).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(wrong), "BLOB_HASH_MISMATCH");
  EXPECT_EQ(core::GetErrorDetails(wrong).metadata.at("found_sha256"), Hash(std::string(200, 'x') + blob.substr(200)));
  EXPECT_EQ(PutPart(one_, blob, 0, 0)->received_size, 0);
  EXPECT_EQ(Keys(), 1u) << "the last serial";
  EXPECT_TRUE(Put(one_, blob)->complete) << "sent again it is taken";
}

TEST_F(RedisBlobStoreTest, AnUploadWhoseLastPartWasNotAnsweredIsEndedByTheNext) {
  const std::string blob = Bytes(300);
  ASSERT_TRUE(PutPart(one_, blob, 0, 200).ok());
  // As a replica does that dies before it has looked at the hash.
  const RedisReply whole = Run(CallScript(
      "blob_put", "{latentd}:",
      {"shop", Hash(blob), "300", "200", blob.substr(200), "20000", "10000", "9", "4", "500", "9", "1000", "400"}));
  ASSERT_EQ(whole.list().at(0).text(), "whole");
  EXPECT_EQ(Find(one_, blob), nullptr);
  EXPECT_TRUE(PutPart(two_, blob, 0, 0)->complete);
  EXPECT_EQ(*Find(one_, blob), blob);
}

TEST_F(RedisBlobStoreTest, WhatNobodyUsesIsForgotten) {
  RedisBlobStoreOptions options = Options();
  options.ttl = absl::Milliseconds(300);
  options.upload_ttl = absl::Milliseconds(100);
  RedisBlobStore brief(options);
  ASSERT_TRUE(Put(brief, Bytes(300))->complete);
  ASSERT_TRUE(PutPart(brief, Bytes(200), 0, 100).ok());
  ASSERT_TRUE(PutPart(brief, Bytes(200), 150, 10).ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (Keys() > 1 && absl::Now() < deadline) ASSERT_TRUE(PutPart(one_, Bytes(10), 0, 0).ok());
  EXPECT_EQ(Keys(), 1u) << "the last serial";
}

TEST_F(RedisBlobStoreTest, AUseKeepsABlob) {
  const std::string blob = Bytes(300);
  absl::Time before = *Put(one_, blob)->expire_time;
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (*Put(one_, blob)->expire_time == before && absl::Now() < deadline) {
  }
  const auto expiry = [&] { return Run({"ZSCORE", "{latentd}:blobs", Hash(blob) + ":shop"}).number(); };
  const int64_t used = expiry();
  EXPECT_GT(used, absl::ToUnixMicros(before));
  while (expiry() == used && absl::Now() < deadline) EXPECT_NE(Find(two_, blob), nullptr);
  EXPECT_GT(expiry(), used);
}

TEST_F(RedisBlobStoreTest, PartsThatWaitAreBounded) {
  RedisBlobStore large({.address = server_.address()});
  const std::string blob = Bytes(4000);
  for (size_t i = 0; i < 1024; ++i) ASSERT_TRUE(PutPart(large, blob, 1 + 2 * i, 1).ok());
  EXPECT_EQ(ReasonOf(PutPart(large, blob, 3001, 1).status()), "BLOB_PARTS_SCATTERED");
  EXPECT_EQ(PutPart(large, blob, 0, 1)->received_size, 2) << "what goes on from the start is taken";
}

TEST_F(RedisBlobStoreTest, ManyAtOnceKeepTheCounts) {
  std::vector<std::thread> senders;
  senders.reserve(4);
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([this, sender] {
      std::mt19937 random(static_cast<unsigned>(sender));
      for (int i = 0; i < 150; ++i) {
        std::string blob = Bytes(100 + random() % 3 * 100);
        blob[0] = static_cast<char>(random() % 4);
        if (random() % 8 == 0) blob[1] ^= 1;
        const size_t at = random() % blob.size();
        auto& store = random() % 2 == 0 ? one_ : two_;
        const auto put = store.Put({.sha256 = Hash(blob),
                                    .total_size = static_cast<int64_t>(blob.size()),
                                    .offset = static_cast<int64_t>(at),
                                    .data = std::string_view(blob).substr(at, random() % 120),
                                    .tenant = random() % 2 == 0 ? "shop" : "rival"});
        EXPECT_TRUE(put.ok() || absl::IsResourceExhausted(put.status())) << put.status();
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  int64_t bytes = 0;
  for (const char* kind : {"blob:*", "start:*"}) {
    for (const RedisReply& key : Run({"KEYS", std::string("{latentd}:") + kind}).list()) {
      bytes += Run({"STRLEN", key.text()}).number();
    }
  }
  for (const RedisReply& key : Run({"KEYS", "{latentd}:waiting:*"}).list()) {
    for (const RedisReply& part : Run({"HVALS", key.text()}).list()) bytes += static_cast<int64_t>(part.text().size());
  }
  const RedisReply held = Run({"HMGET", "{latentd}:room", "all_bytes:shop", "all_bytes:rival"});
  EXPECT_EQ(held.list()[0].number() + held.list()[1].number(), bytes);
  EXPECT_LE(bytes, 1000);
  EXPECT_GT(bytes, 0);
}

TEST_F(RedisBlobStoreTest, WithoutRedisItSaysSo) {
  server_.Kill();
  EXPECT_EQ(ReasonOf(Put(one_, Bytes(10)).status()), "JOB_STORE_UNAVAILABLE");
  EXPECT_EQ(ReasonOf(one_.Find({.tenant = "shop", .sha256 = Hash("x")}).status()), "JOB_STORE_UNAVAILABLE");
  server_.Start();
}

}  // namespace
}  // namespace latentd::store
