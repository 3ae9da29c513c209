#include "server/store/job_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/store/test_records.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Names(const core::JobPage& page) {
  std::vector<std::string> names;
  for (const core::Job& job : page.jobs) names.push_back(job.name);
  return names;
}

class JobIndexTest : public ::testing::Test {
 protected:
  JobRecord* Add(int64_t serial, const core::RequestFields& fields = core::TestFields()) {
    auto record = TestRecord(serial, fields);
    index_.Add(record);
    return record.get();
  }

  JobIndex index_;
};

TEST_F(JobIndexTest, FindsByNameAndByRequest) {
  auto record = TestRecord(1);
  record->options.request_id = "id";
  index_.Add(record);
  Add(2);
  EXPECT_EQ(index_.Find("jobs/1"), record);
  EXPECT_EQ(index_.Find("jobs/3"), nullptr);
  EXPECT_EQ(index_.FindRequest("", "id"), record);
  EXPECT_EQ(index_.FindRequest("", ""), nullptr) << "jobs without an id are not found by it";
  EXPECT_EQ(index_.Remove(record.get()), record);
  EXPECT_EQ(index_.Find("jobs/1"), nullptr);
  EXPECT_EQ(index_.FindRequest("", "id"), nullptr);
}

TEST_F(JobIndexTest, ListsNewestFirstPageByPage) {
  for (int i = 1; i <= 5; ++i) Add(i);
  core::ListOptions options{.page_size = 2};
  core::JobPage page = *index_.List(options);
  EXPECT_THAT(Names(page), ElementsAre("jobs/5", "jobs/4"));
  options.page_token = page.next_page_token;
  page = *index_.List(options);
  EXPECT_THAT(Names(page), ElementsAre("jobs/3", "jobs/2"));
  options.page_token = page.next_page_token;
  page = *index_.List(options);
  EXPECT_THAT(Names(page), ElementsAre("jobs/1"));
  EXPECT_EQ(page.next_page_token, "");
}

TEST_F(JobIndexTest, NoTokenWhenTheLastPageIsFull) {
  for (int i = 1; i <= 2; ++i) Add(i);
  EXPECT_EQ(index_.List({.page_size = 2})->next_page_token, "");
}

TEST_F(JobIndexTest, JobsThatComeOrGoNeitherRepeatNorHideOthers) {
  std::vector<JobRecord*> records;
  for (int i = 1; i <= 4; ++i) records.push_back(Add(i));
  core::ListOptions options{.page_size = 2};
  core::JobPage page = *index_.List(options);
  EXPECT_THAT(Names(page), ElementsAre("jobs/4", "jobs/3"));
  Add(5);
  index_.Remove(records[2]);
  options.page_token = page.next_page_token;
  EXPECT_THAT(Names(*index_.List(options)), ElementsAre("jobs/2", "jobs/1"));
}

TEST_F(JobIndexTest, FiltersByStateAndAllLabels) {
  core::RequestFields fields = core::TestFields();
  fields.labels = {{"team", "a"}, {"kind", "x"}};
  Add(1, fields)->state = core::JobState::kFailed;
  Add(2, fields);
  fields.labels = {{"team", "a"}, {"kind", "y"}};
  Add(3, fields);
  Add(4);
  EXPECT_THAT(Names(*index_.List({.labels = {{"team", "a"}}})), ElementsAre("jobs/3", "jobs/2", "jobs/1"));
  EXPECT_THAT(Names(*index_.List({.labels = {{"team", "a"}, {"kind", "x"}}})), ElementsAre("jobs/2", "jobs/1"));
  EXPECT_THAT(Names(*index_.List({.labels = {{"none", ""}}})), IsEmpty());
  EXPECT_THAT(Names(*index_.List({.states = {core::JobState::kFailed}})), ElementsAre("jobs/1"));
  EXPECT_THAT(
      Names(*index_.List({.states = {core::JobState::kFailed, core::JobState::kQueued}, .labels = {{"kind", "x"}}})),
      ElementsAre("jobs/2", "jobs/1"));
}

TEST_F(JobIndexTest, FilteredPagesSkipWhatDoesNotMatch) {
  for (int i = 1; i <= 6; ++i) {
    if (i % 2 == 0)
      Add(i)->state = core::JobState::kFailed;
    else
      Add(i);
  }
  core::ListOptions options{.page_size = 2, .states = {core::JobState::kFailed}};
  const core::JobPage page = *index_.List(options);
  EXPECT_THAT(Names(page), ElementsAre("jobs/6", "jobs/4"));
  options.page_token = page.next_page_token;
  EXPECT_THAT(Names(*index_.List(options)), ElementsAre("jobs/2"));
}

}  // namespace
}  // namespace latentd::store
