#include "bundle/manifest.h"

#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "bundle/bundle.h"

namespace sluice::bundle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace fs = std::filesystem;

constexpr const char* kOnePackage = R"({"dependencies": {"left": "^1.0.0"}})";

class Manifests : public testing::Test {
 protected:
  Manifests() {
    std::string path = (fs::temp_directory_path() / "sluice-manifest-XXXXXX").native();
    root_ = ::mkdtemp(path.data());
  }
  ~Manifests() override { static_cast<void>(remove_tree(root_)); }

  void write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(make_directory((root_ / path).parent_path()));
    ASSERT_TRUE(write_file(root_ / path, text, Sync::kNo));
  }
  std::vector<Manifest> read() {
    mistakes_.clear();
    return read_manifests(root_, list_files(root_, Limits()).value(), mistakes_).value();
  }
  std::vector<Manifest> read_requirements(std::string_view text) {
    write("requirements.txt", text);
    return read();
  }
  // package.json is there; the lock file has this entry beside the app's own.
  std::vector<Manifest> read_lock_entry(const std::string& path, const std::string& entry) {
    write("package.json", kOnePackage);
    write("package-lock.json",
          "{\"lockfileVersion\": 3, \"packages\": {\"\": {},\n\"" + path + "\": " + entry + "}}");
    return read();
  }

  fs::path root_;
  model::Mistakes mistakes_;
};

TEST_F(Manifests, AreNoneWhereNothingIsAskedFor) {
  EXPECT_THAT(read(), IsEmpty());
  write("package.json", R"({"type": "module"})");
  EXPECT_THAT(read_requirements("# nothing\n\n   \n--pre\n"), IsEmpty());
  EXPECT_THAT(mistakes_, IsEmpty());
}

TEST_F(Manifests, NameThePackagesAndTheirLines) {
  const auto manifests = read_requirements(
      "--index-url https://example.org/simple\n"
      "# a comment\n"
      "NumPy == 1.26.4 ; python_version > '3.8'   # another\n"
      "my_Pkg.x[one,two]~=1.0 \\\n    --hash=sha256:00\n"
      "last\r\n");
  ASSERT_THAT(manifests, SizeIs(1));
  const std::vector<Wanted>& wanted = manifests[0].wanted;
  ASSERT_THAT(wanted, SizeIs(3));
  EXPECT_EQ(wanted[0].name, "numpy");
  EXPECT_EQ(wanted[0].line, 3U);
  EXPECT_EQ(wanted[1].name, "my-pkg-x");
  EXPECT_EQ(wanted[1].line, 4U);
  EXPECT_EQ(wanted[2].name, "last");
  EXPECT_EQ(wanted[2].line, 6U);
}

TEST_F(Manifests, TakeFromRegistriesOnly) {
  for (const char* line :
       {"-e .", "-r other.txt", "--no-binary :all:", "-f ./wheels", "git+https://example.org/x.git",
        "x @ https://example.org/x.whl", "./folder", "/folder", "wheels/x-1.0-py3-none-any.whl",
        "x-1.0-py3-none-any.whl", "x 1.0", "x[one", "--config-settings=a=b", "=1.0"}) {
    EXPECT_THAT(read_requirements(std::string("fine\n") + line + "\n"), IsEmpty()) << line;
    ASSERT_THAT(mistakes_, SizeIs(1)) << line;
    EXPECT_EQ(mistakes_[0].file, "requirements.txt") << line;
    EXPECT_EQ(mistakes_[0].line, 2U) << line;
  }
}

TEST_F(Manifests, SayAllMistakesAtOnce) {
  read_requirements("-e .\nfine\n./x\n");
  EXPECT_THAT(mistakes_, SizeIs(2));
  read_requirements("\xff\n");
  ASSERT_THAT(mistakes_, SizeIs(1));
  EXPECT_THAT(mistakes_[0].message, HasSubstr("UTF-8"));
}

TEST_F(Manifests, OfNodeNeedTheirLockFile) {
  write("package.json", "{\n\"dependencies\": {\n\"left\": \"1\"}}");
  EXPECT_THAT(read(), IsEmpty());
  ASSERT_THAT(mistakes_, SizeIs(1));
  EXPECT_EQ(mistakes_[0].line, 3U);
  EXPECT_THAT(mistakes_[0].hint, HasSubstr("--package-lock-only"));
}

TEST_F(Manifests, UseTheModulesThatTheAppBrings) {
  write("package.json", kOnePackage);
  write("node_modules/left/index.js", "");
  EXPECT_THAT(read(), IsEmpty());
  EXPECT_THAT(mistakes_, IsEmpty());
}

TEST_F(Manifests, KnowWhatALockFileMayNameOnly) {
  const std::string good = R"({"resolved": "https://example.org/left.tgz", "integrity": "sha512-x",
                               "hasInstallScript": true})";
  EXPECT_THAT(read_lock_entry("node_modules/left", R"({"version": "1.0.0", "integrity": "x"})"),
              SizeIs(1));
  const auto manifests = read_lock_entry("node_modules/@a/left", good);
  EXPECT_THAT(mistakes_, IsEmpty());
  ASSERT_THAT(manifests, SizeIs(1));
  EXPECT_THAT(manifests[0].with_scripts, ElementsAre("@a/left"));
  for (const char* entry :
       {R"({"resolved": "git+ssh://git@example.org/left.git", "integrity": "x"})",
        R"({"resolved": "file:../left", "integrity": "x"})", R"({"link": true})",
        R"({"resolved": "https://example.org/left.tgz"})", "1"}) {
    EXPECT_THAT(read_lock_entry("node_modules/left", entry), IsEmpty()) << entry;
    ASSERT_THAT(mistakes_, SizeIs(1)) << entry;
    EXPECT_EQ(mistakes_[0].file, "package-lock.json");
    EXPECT_EQ(mistakes_[0].line, 2U) << entry;
  }
  EXPECT_THAT(read_lock_entry("../left", good), IsEmpty());
  EXPECT_THAT(read_lock_entry("node_modules/../../left", good), IsEmpty());
}

TEST_F(Manifests, RefuseLockFilesThatAreNoneOrOld) {
  write("package.json", kOnePackage);
  for (const char* text : {"", "[]", "{", R"({"lockfileVersion": 1, "dependencies": {}})"}) {
    write("package-lock.json", text);
    EXPECT_THAT(read(), IsEmpty()) << text;
    EXPECT_THAT(mistakes_, SizeIs(1)) << text;
  }
}

}  // namespace
}  // namespace sluice::bundle
