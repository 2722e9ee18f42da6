#include "daemon/options.h"

#include <stdlib.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "settings/setting.h"

namespace sluice::daemon {
namespace {

class Options : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sluice-options-XXXXXX").native();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ::setenv("XDG_CONFIG_HOME", folder_.c_str(), 1);
    for (const char* name :
         {"SLUICE_LISTEN", "SLUICE_DATA", "SLUICE_MEMORY", "SLUICE_WORKERS", "SLUICE_CONFIG",
          "SLUICE_LOG_LEVEL", "SLUICE_HOST_NAME", "SLUICE_RETENTION", "SLUICE_RETENTION_RUNS",
          "SLUICE_RETENTION_DISK"}) {
      ::unsetenv(name);
    }
  }
  void TearDown() override { ASSERT_TRUE(remove_tree(folder_)); }

  Result<ServeCommand> parse(std::vector<std::string> words) {
    words.insert(words.begin(), {"sluice", "serve"});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return read_options(static_cast<int>(argv.size()), argv.data());
  }
  std::string mistake(std::vector<std::string> words) {
    const Result<ServeCommand> parsed = parse(std::move(words));
    return parsed ? "no mistake" : parsed.error().message();
  }
  void write_config(const std::string& text) {
    ASSERT_TRUE(make_directory(folder_ / "sluice"));
    ASSERT_TRUE(write_file(folder_ / "sluice/config.toml", text, Sync::kNo));
  }

  std::filesystem::path folder_;
};

TEST_F(Options, HaveTheDocumentedDefaults) {
  const auto parsed = parse({});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.host, "127.0.0.1");
  EXPECT_EQ(parsed->options.port, 7600);
  EXPECT_EQ(parsed->options.memory, 2_GiB);
  EXPECT_EQ(parsed->options.workers, 0U);
  EXPECT_EQ(parsed->options.retention, std::chrono::hours(24 * 7));
  EXPECT_EQ(parsed->options.retention_runs, 10'000U);
  EXPECT_DOUBLE_EQ(parsed->options.retention_disk_share, 0.10);
  EXPECT_FALSE(parsed->options.data.empty());
  EXPECT_TRUE(parsed->help.empty());
}

TEST_F(Options, AreReadFromFlags) {
  const auto parsed =
      parse({"--listen",         "[::1]:0", "--data",           "d",   "--memory",    "512Mi",
             "--workers",        "3",       "--ready-file",     "url", "--log-level", "debug",
             "--host-name",      "a",       "--host-name",      "b",   "--retention", "1h30m",
             "--retention-runs", "5",       "--retention-disk", "0.5%"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  const ServeOptions& options = parsed->options;
  EXPECT_EQ(options.host, "::1");
  EXPECT_EQ(options.port, 0);
  EXPECT_EQ(options.data, "d");
  EXPECT_EQ(options.memory, 512_MiB);
  EXPECT_EQ(options.workers, 3U);
  EXPECT_EQ(options.processes, 0U);
  EXPECT_EQ(options.task_disk, 16_GiB);
  EXPECT_EQ(options.ready_file, "url");
  EXPECT_EQ(options.retention, std::chrono::minutes(90));
  EXPECT_EQ(options.retention_runs, 5U);
  EXPECT_DOUBLE_EQ(options.retention_disk_share, 0.005);
  EXPECT_EQ(options.log_level, log::Level::kDebug);
  EXPECT_EQ(options.host_names, (std::vector<std::string>{"a", "b"}));
}

TEST_F(Options, FlagsWinOverVariablesAndThoseOverFiles) {
  write_config(
      "listen = \"127.0.0.1:1\"\nmemory = \"100Mi\"\nworkers = 7\nhost_name = [\"x\", \"y\"]\n"
      "retention_runs = 9\nretention_disk = \"3%\"\n");
  ::setenv("SLUICE_LISTEN", "127.0.0.1:2", 1);
  ::setenv("SLUICE_MEMORY", "200Mi", 1);
  const auto parsed = parse({"--listen", "127.0.0.1:3"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.port, 3);
  EXPECT_EQ(parsed->options.memory, 200_MiB);
  EXPECT_EQ(parsed->options.workers, 7U);
  EXPECT_EQ(parsed->options.host_names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(parsed->options.retention_runs, 9U);
  EXPECT_DOUBLE_EQ(parsed->options.retention_disk_share, 0.03);
}

TEST_F(Options, OfANamedFileReplaceTheOthers) {
  write_config("workers = 7\n");
  ASSERT_TRUE(write_file(folder_ / "own.toml", "memory = \"64Mi\"\n", Sync::kNo));
  const auto parsed = parse({"--config", folder_ / "own.toml"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.workers, 0U);
  EXPECT_EQ(parsed->options.memory, 64_MiB);
  EXPECT_EQ(parsed->options.config_file, folder_ / "own.toml");
}

TEST_F(Options, ThatAreWrongAreNamedByTheirPlace) {
  EXPECT_NE(mistake({"--listen", "127.0.0.1:70000"}).find("is not HOST:PORT"), std::string::npos);
  EXPECT_NE(mistake({"--listen", "0.0.0.0:7600"}).find("--listen: 0.0.0.0 can be reached"),
            std::string::npos);
  EXPECT_NE(mistake({"--listen", "127.evil.example:7600"}).find("TLS"), std::string::npos);
  EXPECT_NE(mistake({"--memory", "1k"}).find("--memory: '1k'"), std::string::npos);
  EXPECT_NE(
      mistake({"--memory", "1Gi", "--memory", "2Gi"}).find("--memory: takes one value, not 2"),
      std::string::npos);
  EXPECT_NE(mistake({"--workers", "-1"}).find("--workers"), std::string::npos);
  EXPECT_NE(mistake({"--retention-runs", "0"}).find("from 1 to 1000000"), std::string::npos);
  for (const char* share : {"0%", "101%", "nan", "much", "%"}) {
    EXPECT_NE(mistake({"--retention-disk", share}).find("--retention-disk"), std::string::npos)
        << share;
  }
  EXPECT_NE(mistake({"--meory", "1Gi"}).find("did you mean '--memory'?"), std::string::npos)
      << mistake({"--meory", "1Gi"});
  EXPECT_NE(mistake({"--meory=1Gi"}).find("did you mean '--memory'?"), std::string::npos);
  EXPECT_NE(mistake({"--zzz", "1"}).find("--help"), std::string::npos);
  EXPECT_NE(mistake({"--config", "/nowhere.toml"}).find("--config: open /nowhere.toml"),
            std::string::npos);
  write_config("# mine\nwrokers = 3\n");
  EXPECT_NE(mistake({}).find("sluice/config.toml:2: no setting 'wrokers'; did you mean 'workers'?"),
            std::string::npos)
      << mistake({});
  write_config("listen = \"0.0.0.0:1\"\n");
  EXPECT_NE(mistake({}).find("sluice/config.toml:1: listen: 0.0.0.0 can be reached"),
            std::string::npos)
      << mistake({});
}

TEST_F(Options, ShowTheirHelp) {
  const auto parsed = parse({"--help"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_NE(parsed->help.find("--ready-file"), std::string::npos);
  EXPECT_NE(parsed->help.find("example:"), std::string::npos);
  for (const settings::Setting& setting : settings::all_settings()) {
    const bool is_shown = setting.has_flag && is_read_by(setting, settings::Side::kServer);
    EXPECT_EQ(parsed->help.find(flag_of(setting) + ' ') != std::string::npos, is_shown)
        << setting.name;
  }
}

}  // namespace
}  // namespace sluice::daemon
