#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/limits.h"
#include "settings/page.h"
#include "settings/read.h"
#include "settings/toml.h"

namespace sluice::settings {
namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

std::string toml_mistake(std::string_view text) {
  const auto entries = read_toml(text, "f.toml");
  return entries ? "no mistake" : entries.error().message();
}
std::string file_mistake(Side side, std::string_view text) {
  Values values(side);
  const Status taken = values.take_file("f.toml", text);
  return taken ? "no mistake" : taken.error().message();
}
std::string flag_mistake(SettingId id, const std::string& word) {
  Values values(Side::kServer);
  const Status taken = values.take_flag(setting(id), {word});
  return taken ? "no mistake" : taken.error().message();
}

TEST(Settings, AreSpelledByOneRule) {
  const Setting& runs = setting(SettingId::kRetentionRuns);
  EXPECT_EQ(flag_of(runs), "--retention-runs");
  EXPECT_EQ(variable_of(runs), "SLUICE_RETENTION_RUNS");
  EXPECT_EQ(find_setting("retention_runs"), &runs);
  EXPECT_EQ(find_setting("retention-runs"), nullptr);
  EXPECT_EQ(help_of(runs), "how many ended runs are kept, at most (default: 10000)");
  for (const Setting& one : all_settings()) {
    EXPECT_TRUE(one.has_flag || one.has_variable || one.has_key) << one.name;
    EXPECT_FALSE(one.help.empty() || one.help.ends_with('.') || one.placeholder.empty())
        << one.name;
    EXPECT_FALSE(one.default_value.empty() && one.default_words.empty()) << one.name;
  }
}

TEST(Settings, HaveTheDefaultsOfTheLimits) {
  const Values values(Side::kServer);
  EXPECT_EQ(values.time(SettingId::kRetention), Limits().retention);
  EXPECT_EQ(values.count(SettingId::kRetentionRuns), Limits().retention_runs);
  EXPECT_DOUBLE_EQ(values.share(SettingId::kRetentionDisk), Limits().retention_disk_share);
}

TEST(Settings, AreTakenFromTheFirstPlaceThatNamesThem) {
  Values values(Side::kServer);
  ASSERT_TRUE(values.take_flag(setting(SettingId::kMemory), {"64Mi"}));
  ASSERT_TRUE(values.take_variables(environment_of(
      {{"SLUICE_MEMORY", "128Mi"}, {"SLUICE_WORKERS", "2"}, {"SLUICE_HOST_NAME", "a,b"}})));
  ASSERT_TRUE(values.take_file("one.toml", "workers = 3\nprocesses = 30\n"));
  ASSERT_TRUE(values.take_file("two.toml", "processes = 40\nretention = '2h'\n"));
  EXPECT_EQ(values.size(SettingId::kMemory), 64_MiB);
  EXPECT_EQ(values.count(SettingId::kWorkers), 2U);
  EXPECT_EQ(values.count(SettingId::kProcesses), 30U);
  EXPECT_EQ(values.time(SettingId::kRetention), std::chrono::hours(2));
  EXPECT_EQ(values.names(SettingId::kHostName), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(values.place(SettingId::kMemory), "--memory");
  EXPECT_EQ(values.place(SettingId::kWorkers), "SLUICE_WORKERS");
  EXPECT_EQ(values.place(SettingId::kProcesses), "one.toml:2: processes");
  EXPECT_EQ(values.file(SettingId::kProcesses), "one.toml");
  EXPECT_EQ(values.place(SettingId::kListen), "--listen");
  EXPECT_FALSE(values.is_given(SettingId::kListen));
}

TEST(Settings, ThatAreWrongAreNamedByTheirPlace) {
  EXPECT_EQ(flag_mistake(SettingId::kMemory, "1k"),
            "--memory: '1k' is not a size from 16Mi, like 512Mi or 2Gi");
  EXPECT_EQ(flag_mistake(SettingId::kListen, "7600"),
            "--listen: '7600' is not HOST:PORT, like 127.0.0.1:7600 or [::1]:7600");
  EXPECT_EQ(flag_mistake(SettingId::kRetention, "7"),
            "--retention: '7' is not a time from 1s to 3660d, like 12h or 7d");
  EXPECT_EQ(flag_mistake(SettingId::kWorkers, "5000"),
            "--workers: '5000' is not a number from 0 to 4096");
  EXPECT_EQ(flag_mistake(SettingId::kLogLevel, "loud"),
            "--log-level: 'loud' is not one of debug, info, warning, error");
  EXPECT_EQ(flag_mistake(SettingId::kLogLevel, "info|"),
            "--log-level: 'info|' is not one of debug, info, warning, error");
  Values values(Side::kServer);
  const Status taken = values.take_variables(environment_of({{"SLUICE_RETENTION_DISK", "none"}}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message(),
            "SLUICE_RETENTION_DISK: 'none' is not a share of the disk, like 10% or 0.5%");
  EXPECT_EQ(file_mistake(Side::kServer, "\n\nworkers = \"many\"\n"),
            "f.toml:3: workers: 'many' is not a number from 0 to 4096");
  EXPECT_EQ(file_mistake(Side::kServer, "workers = [1]"),
            "f.toml:1: workers: takes one value, not a list");
}

TEST(Settings, ThatNobodyHasAreRefusedAndThoseOfTheOtherSidePassedOver) {
  EXPECT_EQ(file_mistake(Side::kServer, "workers = 1\nwrokers = 3\n"),
            "f.toml:2: no setting 'wrokers'; did you mean 'workers'?");
  EXPECT_NE(
      file_mistake(Side::kClient, "speed = 3\n").find("no setting 'speed'; there are 'listen'"),
      std::string::npos);
  EXPECT_EQ(file_mistake(Side::kServer, "config = \"x\"\n"),
            "f.toml:1: 'config' cannot be set in a file; give --config");
  const std::string both = "url = \"http://h:1\"\ntoken = \"t\"\nmemory = \"64Mi\"\n";
  EXPECT_EQ(file_mistake(Side::kServer, both), "no mistake");
  Values client(Side::kClient);
  ASSERT_TRUE(client.take_file("f.toml", both));
  EXPECT_EQ(client.text(SettingId::kUrl), "http://h:1");
  EXPECT_EQ(client.text(SettingId::kToken), "t");
  EXPECT_FALSE(client.is_given(SettingId::kMemory));
}

TEST(Toml, IsReadWithItsLines) {
  const auto entries = read_toml(
      "\xef\xbb\xbf# comment\r\n"
      "a = 1_000 # thousand\r\n"
      "\n"
      "\"b\" = 'C:\\path'   \n"
      "c=\"tab\\t\\\"\\\\\"\n"
      "d = [ # list\n  \"x\",\n  'y', # last\n]\n"
      "e = true",
      "f");
  ASSERT_TRUE(entries) << entries.error().message();
  std::string seen;
  for (const TomlEntry& entry : *entries) {
    seen += fmt::format("{}:{}={}", entry.line, entry.key, entry.is_list ? "[" : "");
    for (const std::string& value : entry.values) seen += value + ";";
  }
  EXPECT_EQ(seen, "2:a=1000;4:b=C:\\path;5:c=tab\t\"\\;6:d=[x;y;10:e=true;");
}

TEST(Toml, SaysWhatIsWrongAndInWhichLine) {
  EXPECT_EQ(toml_mistake("a = 1\n[serve]\n"),
            "f.toml:2: settings have no sections: write them as they are, `workers = 4`");
  EXPECT_EQ(toml_mistake("memory = 2Gi\n"), "f.toml:1: texts are quoted: \"2Gi\"");
  EXPECT_EQ(toml_mistake("a = \"x\n"), "f.toml:1: the closing \" is missing");
  EXPECT_EQ(toml_mistake("a = \"\\q\"\n"),
            "f.toml:1: after \\ stands one of \" \\ b f n r t; in '…' a \\ is itself");
  EXPECT_EQ(toml_mistake("a = 1 b = 2\n"),
            "f.toml:1: one setting a line: something follows the value");
  EXPECT_EQ(toml_mistake("a = 1\nb = 2\na = 3\n"), "f.toml:3: 'a' is set twice, first in line 1");
  EXPECT_EQ(toml_mistake("a\n"), "f.toml:1: 'a' has no value: a line is `name = value`");
  EXPECT_EQ(toml_mistake("= 1\n"), "f.toml:1: a line is `name = value`, or a comment after #");
  EXPECT_EQ(toml_mistake("a =\n"), "f.toml:1: the value is missing");
  EXPECT_EQ(toml_mistake("a = [1 2]\n"),
            "f.toml:1: a list needs a comma between values and ] at its end");
  EXPECT_EQ(toml_mistake("a = [1,\n"), "f.toml:2: the value is missing");
  EXPECT_EQ(toml_mistake("a = {b = 1}\n"),
            "f.toml:1: lists in lists and tables have no meaning here");
  EXPECT_EQ(toml_mistake("a = \"\"\"x\"\"\"\n"),
            "f.toml:1: texts of several lines have no meaning here");
  EXPECT_EQ(toml_mistake("a = \"\x01\"\n"), "f.toml:1: a control character in a text");
  EXPECT_EQ(toml_mistake("a = \"\xff\"\n"), "f.toml:1: this is not UTF-8 text");
}

TEST(Toml, SurvivesEveryPrefixAndEveryReplacedByteOfAGoodFile) {
  const std::string good = "# c\r\na = [1, 'x', \"\\t\"] # d\nb-c.d = \"e\"\n\"f\" = -1.5e3\n";
  ASSERT_TRUE(read_toml(good, "f"));
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    refused += read_toml(good.substr(0, at), "f") ? 0 : 1;
    for (const char c : {'\0', '\n', '[', ']', '"', '\'', '=', '\\', '\xff', ' '}) {
      std::string bad = good;
      bad[at] = c;
      refused += read_toml(bad, "f") ? 0 : 1;
    }
  }
  EXPECT_GT(refused, good.size());  // The rest are good files, too.
}

TEST(Addresses, HaveAHostAndAPort) {
  EXPECT_EQ(parse_address("[::1]:80").value().host, "::1");
  EXPECT_EQ(parse_address("h:80").value().port, 80);
  for (const char* wrong : {"", ":80", "h", "h:", "h:x", "h:70000", "::1:80", "[]:80"})
    EXPECT_FALSE(parse_address(wrong)) << wrong;
}

class SettingFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sluice-settings-XXXXXX").native();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_TRUE(make_directory(folder_ / "sluice"));
  }
  void TearDown() override { ASSERT_TRUE(remove_tree(folder_)); }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file(folder_ / name, text, Sync::kNo));
  }
  std::filesystem::path folder_;
};

TEST_F(SettingFiles, AreThoseOfTheUserUnlessOneIsNamed) {
  write("sluice/config.toml", "workers = 7\n");
  write("own.toml", "memory = \"64Mi\"\n");
  const auto usual =
      read_settings(Side::kServer, {}, environment_of({{"XDG_CONFIG_HOME", folder_.native()}}));
  ASSERT_TRUE(usual) << usual.error().message();
  EXPECT_EQ(usual->count(SettingId::kWorkers), 7U);
  const auto own = read_settings(Side::kServer, {},
                                 environment_of({{"XDG_CONFIG_HOME", folder_.native()},
                                                 {"SLUICE_CONFIG", folder_ / "own.toml"}}));
  ASSERT_TRUE(own) << own.error().message();
  EXPECT_EQ(own->count(SettingId::kWorkers), 0U);
  EXPECT_EQ(own->size(SettingId::kMemory), 64_MiB);
  const auto missing =
      read_settings(Side::kServer, {}, environment_of({{"SLUICE_CONFIG", folder_ / "no.toml"}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(missing.error().message().starts_with("SLUICE_CONFIG: open "))
      << missing.error().message();
}

TEST(ConfigurationPage, IsTheOneInTheDocumentation) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/docs/reference/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), configuration_page())
      << "write it anew: sluice man --configuration > docs/reference/configuration.md";
}

TEST(ConfigurationPage, HasAGoodFile) {
  const std::string page = configuration_page();
  const std::size_t start = page.find("```toml\n") + 8;
  const std::string block = page.substr(start, page.find("```", start) - start);
  EXPECT_NE(block.find("workers = 4"), std::string::npos);
  EXPECT_EQ(file_mistake(Side::kServer, block), "no mistake");
}

}  // namespace
}  // namespace sluice::settings
