#include "journal/journal.h"

namespace sluice::journal {
namespace {

TEST(MemoryJournal, AnswersAppendBeforeItReturnsAndInOrder) {
  const auto journal = make_memory_journal();
  std::vector<std::string> heard;
  const auto hear = [&](const char* what) {
    return [&heard, what](RecordNumber number) { heard.push_back(what + std::to_string(number)); };
  };
  journal->append(std::vector<Record>(3), hear("ordered "), hear("durable "));
  journal->append(std::vector<Record>(1), hear("ordered "), nullptr);
  EXPECT_EQ(heard, (std::vector<std::string>{"ordered 3", "durable 3", "ordered 4"}));
}

TEST(MemoryJournal, NumbersRecordsInOrderWhenACallbackAppends) {
  const auto journal = make_memory_journal();
  std::vector<RecordNumber> heard;
  journal->append(
      std::vector<Record>(1),
      [&](RecordNumber number) {
        heard.push_back(number);
        journal->append(
            std::vector<Record>(1), [&](RecordNumber inner) { heard.push_back(inner); }, nullptr);
      },
      [&](RecordNumber number) { heard.push_back(number); });
  EXPECT_EQ(heard, (std::vector<RecordNumber>{1, 2, 1}));
}

TEST(MemoryJournal, SaysThatNothingSurvivesAndLoadsNothing) {
  const auto journal = make_memory_journal();
  journal->append(std::vector<Record>(2), nullptr, nullptr);
  journal->forget(RunId{});
  EXPECT_FALSE(journal->is_durable());
  int visited = 0;
  ASSERT_TRUE(journal->load([&](RecordNumber, const Record&) { ++visited; }));
  EXPECT_EQ(visited, 0);
}

}  // namespace
}  // namespace sluice::journal
