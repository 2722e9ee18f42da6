#include "bundle/bundle.h"

#include <archive.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "bundle/program.h"
#include "bundle/python_sdk.h"

namespace sluice::bundle {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A directory of its own for each test.
class Bundle : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sluice-bundle-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    app_ = root_ / "app";
    fs::create_directory(app_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, std::string_view content, bool is_executable = false) {
    fs::create_directories((app_ / path).parent_path());
    std::ofstream(app_ / path, std::ios::binary) << content;
    ::chmod((app_ / path).c_str(), is_executable ? 0755 : 0644);
  }
  std::vector<std::string> listed() {
    std::vector<std::string> paths;
    const auto files = list_files(app_, limits_);
    EXPECT_TRUE(files) << files.error().message();
    if (files) {
      for (const File& file : *files) paths.push_back(file.path);
    }
    return paths;
  }
  std::string list_error() {
    const auto files = list_files(app_, limits_);
    return files ? "" : files.error().message();
  }
  std::string packed() {
    std::string out;
    const auto status = pack(app_, list_files(app_, limits_).value(), out, limits_);
    EXPECT_TRUE(status) << status.error().message();
    return out;
  }
  Sha256 digest_of(const fs::path& directory) {
    return digest(directory, list_files(directory, limits_).value()).value();
  }

  fs::path root_;
  fs::path app_;
  Limits limits_;
};

// An archive made by hand, of things that an honest `pack` never writes.
class TarMaker {
 public:
  explicit TarMaker(int filter = ARCHIVE_FILTER_NONE) : writer_(archive_write_new()) {
    archive_write_set_format_pax(writer_);
    archive_write_add_filter(writer_, filter);
    archive_write_set_bytes_in_last_block(writer_, 1);
    archive_write_open(
        writer_, &out_, nullptr,
        [](archive*, void* out, const void* bytes, std::size_t size) {
          static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
          return static_cast<la_ssize_t>(size);
        },
        nullptr);
  }
  TarMaker(const TarMaker&) = delete;
  TarMaker& operator=(const TarMaker&) = delete;
  ~TarMaker() { archive_write_free(writer_); }

  TarMaker& add(const std::string& path, std::string_view content, unsigned type = AE_IFREG,
                const std::string& link = {}, const std::string& hard_link = {}) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    if (!link.empty()) archive_entry_set_symlink(entry, link.c_str());
    if (!hard_link.empty()) archive_entry_set_hardlink(entry, hard_link.c_str());
    EXPECT_GE(archive_write_header(writer_, entry), ARCHIVE_WARN) << archive_error_string(writer_);
    archive_write_data(writer_, content.data(), content.size());
    archive_entry_free(entry);
    return *this;
  }
  std::string take() {
    archive_write_close(writer_);
    return std::move(out_);
  }

 private:
  std::string out_;
  archive* writer_;
};

TEST_F(Bundle, ListsFilesSortedWithoutWhatIsIgnored) {
  write("sluice.yaml", "app: a");
  write("b.py", "");
  write("bin/run", "x", true);
  write("__pycache__/b.pyc", "");
  write("lib/c.pyc", "");
  write(".git/config", "");
  write("lib/d.py", "");
  write("data/big.bin", "");
  write("data/keep.txt", "");
  write(".sluiceignore", "# comment\ndata/*\n!data/keep.txt\n");
  EXPECT_THAT(listed(), ElementsAre(".sluiceignore", "b.py", "bin/run", "data/keep.txt", "lib/d.py",
                                    "sluice.yaml"));
  EXPECT_TRUE(list_files(app_, limits_).value()[2].executable);
}

TEST_F(Bundle, ListsFoldersAlsoEmptyOnesWithoutWhatIsIgnored) {
  write("sluice.yaml", "app: a\n");
  write("a/b/c.txt", "");
  write("out/x", "");
  write("__pycache__/x.pyc", "");
  write(".sluiceignore", "out/\n");
  fs::create_directories(app_ / "empty");
  EXPECT_THAT(list_folders(app_, limits_).value(), ElementsAre("", "a", "a/b", "empty"));
  EXPECT_EQ(list_folders(app_ / "nowhere", limits_).error().code(), ErrorCode::kNotFound);
}

TEST(ProgramVersion, IsThatOfAProgramThatStarts) {
  EXPECT_THAT(program_version("/usr/bin/python3").value_or(""), ::testing::StartsWith("3."));
  EXPECT_EQ(find_program("python3", "bin:/nowhere:/usr/bin:/bin"), "/usr/bin/python3");
  EXPECT_EQ(find_program("python3", "/nowhere"), "");
  EXPECT_FALSE(program_version("/nowhere/python3").has_value());
  EXPECT_FALSE(program_version("/usr/bin/false").has_value());
}

TEST_F(Bundle, RefusesLinksAndOddFilesByName) {
  write("sluice.yaml", "app: a");
  fs::create_symlink("/etc/passwd", app_ / "secrets");
  EXPECT_THAT(list_error(), HasSubstr("'secrets' is a symbolic link"));
  write(".sluiceignore", "secrets\n");
  EXPECT_EQ(list_error(), "");
  ASSERT_EQ(::mkfifo((app_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(list_error(), HasSubstr("'pipe' is neither a file nor a directory"));
  fs::remove(app_ / "pipe");
  write(
      "bad\xFF"
      "name",
      "");
  EXPECT_THAT(list_error(), HasSubstr("bad\\xffname' is not UTF-8"));
}

TEST_F(Bundle, RefusesMoreThanTheLimits) {
  write("a", "123");
  write("b", "456");
  limits_.bundle_files = 1;
  EXPECT_THAT(list_error(), HasSubstr("more than 1 files"));
  limits_ = {};
  limits_.bundle_bytes = ByteCount{5};
  EXPECT_THAT(list_error(), HasSubstr("larger than 5 B"));
}

TEST_F(Bundle, DigestIsThatOfPathsModesAndContentsOnly) {
  write("a.py", "1");
  write("b.py", "2");
  const Sha256 first = digest_of(app_);
  fs::last_write_time(app_ / "a.py", fs::file_time_type::clock::now() - std::chrono::hours(5));
  EXPECT_EQ(digest_of(app_), first);
  write("a.py", "1", true);
  EXPECT_NE(digest_of(app_), first);
  write("a.py", "3");
  EXPECT_NE(digest_of(app_), first);
  write("a.py", "1");
  EXPECT_EQ(digest_of(app_), first);
  fs::rename(app_ / "b.py", app_ / "c.py");
  EXPECT_NE(digest_of(app_), first);
}

TEST_F(Bundle, UnpacksWhatItPacked) {
  write("sluice.yaml", "app: a");
  write("bin/run", std::string(300'000, 'x'), true);
  write("a/b/c/empty", "");
  write("umläut/日本.txt", "text");
  write(std::string(120, 'l') + "/" + std::string(200, 'n'), "long");
  const std::string archive = packed();
  EXPECT_EQ(packed(), archive);
  const fs::path copy = root_ / "copy";
  const Status unpacked = unpack(archive, copy, limits_);
  ASSERT_TRUE(unpacked) << unpacked.error().message();
  EXPECT_EQ(digest_of(copy), digest_of(app_));
  EXPECT_EQ(list_files(copy, limits_).value().size(), 5U);
}

TEST_F(Bundle, ReadsPlainAndGzipAndZstdFromOtherTools) {
  for (const int filter : {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD}) {
    TarMaker tar(filter);
    tar.add("./", "", AE_IFDIR).add("./lib/", "", AE_IFDIR).add("./lib/", "", AE_IFDIR);
    tar.add("./sluice.yaml", "app: a").add("./lib/a.py", "x");
    const fs::path directory = root_ / std::to_string(filter);
    const Status unpacked = unpack(tar.take(), directory, limits_);
    ASSERT_TRUE(unpacked) << unpacked.error().message();
    EXPECT_EQ(read_file(directory / "lib/a.py", 1_KiB).value(), "x");
  }
}

TEST_F(Bundle, RefusesHostileArchivesAndLeavesNothing) {
  struct Case {
    std::string archive;
    std::string message;
  };
  const std::string twice = TarMaker(ARCHIVE_FILTER_GZIP).add("a", "1").take();
  std::vector<Case> cases;
  cases.push_back({TarMaker().add("/etc/passwd", "x").take(), "'/etc/passwd' is absolute"});
  cases.push_back({TarMaker().add("a/../../b", "x").take(), "leaves the app by '..'"});
  cases.push_back({TarMaker().add("..", "", AE_IFDIR).take(), "leaves the app by '..'"});
  cases.push_back({TarMaker().add("ok", "x").add("l", "", AE_IFLNK, "/etc").take(),
                   "'l' in the archive is a symbolic link"});
  cases.push_back({TarMaker().add("ok", "x").add("h", "", AE_IFREG, "", "ok").take(),
                   "'h' in the archive is a hard link"});
  cases.push_back({TarMaker().add("d", "", AE_IFCHR).take(), "neither a file nor a directory"});
  cases.push_back({TarMaker().add("f", "", AE_IFIFO).take(), "neither a file nor a directory"});
  cases.push_back(
      {TarMaker().add("a", "1").add("a", "2").take(), "'a' in the archive is there twice"});
  cases.push_back(
      {TarMaker().add("a", "1").add("./a", "2").take(), "'a' in the archive is there twice"});
  cases.push_back({TarMaker().add("a", "1").add("a/b", "2").take(),
                   "'a' in the archive is a file and a directory"});
  cases.push_back(
      {TarMaker().add("a/b", "1").add("a", "2").take(), "'a' in the archive is there twice"});
  cases.push_back({TarMaker().add("a\nb", "1").take(), "control characters"});
  cases.push_back({TarMaker().add("a\xFF", "1").take(), "is not UTF-8"});
  cases.push_back({TarMaker().add("a//b", "1").take(), "empty part"});
  cases.push_back({"", "not a tar archive"});
  cases.push_back({"hello", "not a tar archive"});
  cases.push_back({TarMaker().take(), "holds no files"});
  cases.push_back({twice.substr(0, twice.size() / 2), "not a tar archive"});
  for (const Case& one : cases) {
    const fs::path directory = root_ / "hostile";
    const Status unpacked = unpack(one.archive, directory, limits_);
    ASSERT_FALSE(unpacked) << one.message;
    EXPECT_THAT(unpacked.error().message(), HasSubstr(one.message));
    EXPECT_FALSE(fs::exists(directory)) << one.message;
  }
}

TEST_F(Bundle, StopsABombAtItsLimits) {
  limits_.bundle_bytes = 1_MiB;
  limits_.bundle_files = 10;
  const std::string large =
      TarMaker(ARCHIVE_FILTER_ZSTD).add("zeros", std::string(50 << 20, '\0')).take();
  EXPECT_LT(large.size(), 100'000U);
  const Status unpacked = unpack(large, root_ / "bomb", limits_);
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(unpacked.error().message(), HasSubstr("unpacks to more than 1.0 MiB"));

  TarMaker files;
  for (int i = 0; i < 20; ++i) files.add(std::to_string(i), "");
  EXPECT_THAT(unpack(files.take(), root_ / "bomb", limits_).error().message(),
              HasSubstr("more than 10 files"));
  TarMaker directories;
  for (int i = 0; i < 30; ++i) directories.add(std::to_string(i), "", AE_IFDIR);
  EXPECT_THAT(unpack(directories.take(), root_ / "bomb", limits_).error().message(),
              HasSubstr("more than 10 files"));
  std::string deep = "d";
  for (int i = 0; i < 40; ++i) deep += "/d";
  EXPECT_THAT(
      unpack(TarMaker().add(deep + "/f", "").take(), root_ / "bomb", limits_).error().message(),
      HasSubstr("more than 10 files"));
  EXPECT_FALSE(fs::exists(root_ / "bomb"));
}

TEST_F(Bundle, RefusesCompressionUponCompression) {
  archive* writer = archive_write_new();
  std::string out;
  archive_write_set_format_pax(writer);
  archive_write_add_filter_gzip(writer);
  archive_write_add_filter_zstd(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open(
      writer, &out, nullptr,
      [](archive*, void* to, const void* bytes, std::size_t size) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, "a");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_size(entry, 0);
  archive_write_header(writer, entry);
  archive_entry_free(entry);
  archive_write_free(writer);
  EXPECT_THAT(unpack(out, root_ / "bomb", limits_).error().message(),
              HasSubstr("compressed more than once"));
}

TEST_F(Bundle, DoesNotUnpackOverWhatIsThere) {
  write("mine", "precious");
  const Status unpacked = unpack(TarMaker().add("a", "1").take(), app_, limits_);
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().code(), ErrorCode::kAlreadyExists);
  EXPECT_TRUE(fs::exists(app_ / "mine"));
}

TEST_F(Bundle, ChecksAnAppWithoutAFile) {
  const Checked checked = check(app_, limits_).value();
  EXPECT_FALSE(checked.app);
  ASSERT_EQ(checked.mistakes.size(), 1U);
  EXPECT_EQ(checked.mistakes[0].message, "there is no file 'sluice.yaml' in the app");
  EXPECT_EQ(check(root_ / "nowhere", limits_).error().code(), ErrorCode::kNotFound);
}

TEST_F(Bundle, TellsAboutExportWhereWorkflowsAreCode) {
  const auto hint = [&] { return check(app_, limits_).value().mistakes[0].hint; };
  write("words.py", "# not @sluice.workflow\ndef count(): pass\n");
  EXPECT_THAT(hint(), HasSubstr("sluice init"));
  write("app.py", "import sluice\n\n@sluice.workflow\ndef w(): pass\n");
  EXPECT_THAT(hint(), HasSubstr((app_ / "app.py").native() + " -o "));
  write("app.py", "from sluice import workflow\n@workflow(timeout=3)\ndef w(): pass\n");
  EXPECT_THAT(hint(), HasSubstr("sluice export"));
  write("sluice.yml", "app: a");
  EXPECT_THAT(hint(), HasSubstr("rename"));
}

TEST_F(Bundle, CarriesThePythonSdk) {
  const fs::path sdk = root_ / "sdk";
  for (int i = 0; i < 2; ++i) {  // The second time it replaces the first.
    const Status unpacked = unpack_python_sdk(sdk, limits_);
    ASSERT_TRUE(unpacked) << unpacked.error().message();
    EXPECT_TRUE(fs::exists(sdk / "sluice" / "worker.py"));
    EXPECT_TRUE(fs::exists(sdk / "sluice" / "export.py"));
    EXPECT_FALSE(fs::exists(sdk / "sluice" / "old.py"));
    std::ofstream(sdk / "sluice" / "old.py") << "stale";
  }
}

}  // namespace
}  // namespace sluice::bundle
