#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {

// A suite whose tests share one server with the golden models, and one client. `Suite` is the suite itself, with
// `static std::vector<std::string> Arguments()`: further flags.
template <typename Suite>
class SharedServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = ServerProcess::Start({.models = GoldenModels(), .arguments = Suite::Arguments()});
    if (server_ != nullptr) client_ = client::Client::Connect(server_->address());
  }
  static void TearDownTestSuite() {
    client_.reset();
    server_.reset();
  }
  void SetUp() override { ASSERT_NE(client_, nullptr); }

  inline static std::unique_ptr<ServerProcess> server_;
  inline static std::unique_ptr<client::Client> client_;
};

}  // namespace latentd::e2e
