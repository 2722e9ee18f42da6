#include "cli/input_folder.h"

#include <stdlib.h>

#include <fstream>

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

class InputFolder : public testing::Test {
 protected:
  InputFolder() {
    std::string path = "/tmp/sluice-folder-test-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~InputFolder() override { std::filesystem::remove_all(folder_); }

  void put(const std::string& name) { std::ofstream(folder_ / name) << name; }
  Status expand(const std::string& name) {
    given_ = {parse_given(name + "=@" + folder_.native()).value()};
    return expand_folders(kPorts, given_, document_);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Given& one : given_)
      all.push_back(one.name + ":" + std::filesystem::path(one.text).filename().native());
    return all;
  }

  const std::vector<InputPort> kPorts{
      {.name = "files", .type = model::parse_type("list<file>").value()},
      {.name = "one", .type = model::parse_type("file").value()}};
  std::filesystem::path folder_;
  std::vector<Given> given_;
  Json document_;
};

TEST_F(InputFolder, IsItsFilesInTheOrderOfTheirNames) {
  for (const char* name : {"b", "a", "B", "10", "9", ".hidden", "ä"}) put(name);
  ASSERT_TRUE(expand("files"));
  EXPECT_EQ(names(), (std::vector<std::string>{"files:10", "files:9", "files:B", "files:a",
                                               "files:b", "files:ä"}));
  EXPECT_TRUE(document_.is_null());
}

TEST_F(InputFolder, WithoutFilesIsAnEmptyList) {
  put(".hidden");
  ASSERT_TRUE(expand("files"));
  EXPECT_TRUE(given_.empty());
  EXPECT_EQ(to_text(document_), R"({"files":[]})");
}

TEST_F(InputFolder, StandsBesideOtherElements) {
  put("a");
  given_ = {parse_given("files=x").value(), parse_given("files=@" + folder_.native()).value(),
            parse_given("files=@/nowhere").value()};
  ASSERT_TRUE(expand_folders(kPorts, given_, document_));
  EXPECT_EQ(names(), (std::vector<std::string>{"files:x", "files:a", "files:nowhere"}));
}

TEST_F(InputFolder, IsRefusedWhereItCannotBeAList) {
  put("a");
  EXPECT_NE(expand("one").error().message().find("is not a list (file)"), std::string::npos);
  std::filesystem::create_directory(folder_ / "inner");
  EXPECT_NE(expand("files").error().message().find("inner is a folder in a folder"),
            std::string::npos);
  EXPECT_EQ(expand("files").error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(InputFolder, OfAnInputThatIsNotThereIsLeftAsItIs) {
  ASSERT_TRUE(expand("none"));
  EXPECT_EQ(given_.size(), 1U);
}

}  // namespace
}  // namespace sluice::cli
