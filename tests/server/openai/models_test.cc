#include "server/openai/models.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace latentd::openai {
namespace {

TEST(ShowModels, ListsThoseThatCanBeUsedByName) {
  const std::string shown =
      ShowModels({{.name = "b"}, {.name = "broken", .state = core::ModelState::kBroken}, {.name = "a"}});
  EXPECT_EQ(nlohmann::json::parse(shown), nlohmann::json::parse(R"({"object": "list", "data": [
      {"id": "a", "object": "model", "created": 0, "owned_by": "latentd"},
      {"id": "b", "object": "model", "created": 0, "owned_by": "latentd"}]})"));
  EXPECT_EQ(ShowModels({}), R"({"data":[],"object":"list"})");
}

TEST(ShowModel, ANameThatIsNotUtf8IsShownAsFarAsItIs) {
  EXPECT_EQ(nlohmann::json::parse(ShowModel({.name = "caf\xe9"}))["id"], "caf\ufffd");
}

}  // namespace
}  // namespace latentd::openai
