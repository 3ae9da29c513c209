#include "server/openai/models.h"

#include <gtest/gtest.h>

namespace latentd::openai {
namespace {

TEST(ShowModels, ListsThoseThatCanBeUsedByName) {
  const nlohmann::json shown =
      ShowModels({{.name = "b"}, {.name = "broken", .state = core::ModelState::kBroken}, {.name = "a"}});
  EXPECT_EQ(shown, nlohmann::json::parse(R"({"object": "list", "data": [
      {"id": "a", "object": "model", "created": 0, "owned_by": "latentd"},
      {"id": "b", "object": "model", "created": 0, "owned_by": "latentd"}]})"));
  EXPECT_EQ(ShowModels({}).dump(), R"({"data":[],"object":"list"})");
}

}  // namespace
}  // namespace latentd::openai
