// The log of the real program.

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

// Every line, each of which must be an object of JSON.
std::vector<Json> Lines(const std::string& log) {
  std::vector<Json> lines;
  std::istringstream text(log);
  for (std::string line; std::getline(text, line);) {
    lines.push_back(Json::parse(line, nullptr, /*allow_exceptions=*/false));
    EXPECT_TRUE(lines.back().is_object()) << line;
  }
  return lines;
}

// The lines of this message, and what they have in common with `fields`.
std::vector<Json> Find(const std::vector<Json>& lines, const std::string& message, const Json& fields) {
  std::vector<Json> found;
  for (const Json& line : lines) {
    const bool fits = line["message"] == message &&
                      std::all_of(fields.items().begin(), fields.items().end(),
                                  [&](const auto& field) { return line.value(field.key(), Json()) == field.value(); });
    if (fits) found.push_back(line);
  }
  return found;
}

// While it starts: the log's own thread is there before the others.
TEST(Log, AStopDuringTheStartIsInOrder) {
  const auto server = ServerProcess::Begin({.models = {}, .arguments = {}});
  ASSERT_NE(server, nullptr);
  server->WaitForLog("\n");
  server->Signal(SIGTERM);
  EXPECT_EQ(server->Wait(), 0) << server->log();
}

TEST(Log, CallsAndJobsAreLinesWithTheirTrace) {
  const auto server = ServerProcess::Start({.models = {}, .arguments = {}});
  ASSERT_NE(server, nullptr);
  client::ClientOptions options;
  options.metadata = {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                      {"x-request-id", "request-7"},
                      {"authorization", "Bearer a secret key"}};
  const auto client = client::Client::Connect(server->address(), options);
  v1::GenerationSpec spec;
  spec.set_model("pictograms");
  spec.set_prompt("a secret prompt");
  spec.set_negative_prompt("a secret fear");
  spec.set_steps(2);
  const auto made = client->Generate(spec);
  ASSERT_TRUE(made.ok()) << made.status();
  spec.set_sampler("a secret sampler");
  EXPECT_FALSE(client->Generate(spec).ok());
  server->Signal(SIGTERM);
  EXPECT_EQ(server->Wait(), 0);

  const std::vector<Json> lines = Lines(server->log());
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(Find(lines, "call",
                 {{"method", "/latentd.v1.ImageGeneration/CreateJob"},
                  {"code", "OK"},
                  {"job", made->job},
                  {"request_id", "request-7"},
                  {"trace_id", trace},
                  {"parent_span_id", "00f067aa0ba902b7"}})
                .size(),
            1u)
      << server->log();
  EXPECT_EQ(Find(lines, "call", {{"code", "INVALID_ARGUMENT"}, {"reason", "INVALID_FIELDS"}}).size(), 1u);
  EXPECT_EQ(Find(lines, "job ended", {{"job", made->job}, {"state", "completed"}, {"trace_id", trace}}).size(), 1u);
  EXPECT_THAT(server->log(), Not(HasSubstr("secret"))) << "neither prompts nor keys";
}

}  // namespace
}  // namespace latentd::e2e
