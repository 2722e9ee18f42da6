#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "bundle/bundle.h"
#include "bundle/code_files.h"
#include "bundle/python_source.h"
#include "model/draft.h"
#include "model/parse.h"

namespace sluice::bundle {
namespace {

// A Python file at the top of the app that has workflows in it: what `sluice export` is for. Deploy
// does not run code, so it cannot do that itself.
std::string code_first_file(const std::filesystem::path& directory,
                            const std::vector<File>& files) {
  constexpr std::uint64_t kLooked = 1 << 20;  // What is larger is data, not what somebody wrote.
  for (const File& file : files) {
    const bool is_python = file.path.ends_with(".py") && file.path.find('/') == std::string::npos;
    if (!is_python || file.size.value > kLooked) continue;
    const Result<std::string> text = read_file(directory / file.path, ByteCount{kLooked});
    if (!text || text->find("sluice") == std::string::npos) continue;
    for (const char* decorator : {"\n@sluice.workflow", "\n@workflow"}) {
      if (text->find(decorator) != std::string::npos) return file.path;
    }
  }
  return {};
}

std::string missing_file_hint(const std::filesystem::path& directory,
                              const std::vector<File>& files) {
  if (std::ranges::find(files, "sluice.yml", &File::path) != files.end()) {
    return "rename sluice.yml to sluice.yaml";
  }
  const std::string code = code_first_file(directory, files);
  if (code.empty()) return "'sluice init DIR' writes a small app that works";
  return fmt::format("'sluice export {} -o {}' writes it from the workflows in {}",
                     (directory / code).native(), (directory / "sluice.yaml").native(), code);
}

}  // namespace

Result<Checked> check(const std::filesystem::path& directory, const Limits& limits) {
  SLUICE_TRY(const std::vector<File> files, list_files(directory, limits));
  Checked checked;
  const auto yaml = std::ranges::find(files, "sluice.yaml", &File::path);
  if (yaml == files.end()) {
    checked.mistakes.push_back({"sluice.yaml", 1, 1, "there is no file 'sluice.yaml' in the app",
                                missing_file_hint(directory, files)});
    return checked;
  }
  if (yaml->size.value > limits.yaml_bytes) {
    checked.mistakes.push_back({"sluice.yaml", 1, 1,
                                fmt::format("the file has {} bytes, more than the {} that are read",
                                            yaml->size.value, limits.yaml_bytes),
                                "split the app, or move data out of it"});
    return checked;
  }
  SLUICE_TRY(const std::string text,
             read_file(directory / "sluice.yaml", ByteCount{limits.yaml_bytes}));
  const std::unique_ptr<model::Draft> draft = model::parse_app(text, limits, checked.mistakes);
  if (draft == nullptr) return checked;
  const std::vector<model::CodeWanted> wanted = model::code_wanted(*draft);
  check_code_files(files, wanted, checked.mistakes);
  SLUICE_TRY(const std::vector<model::CodePorts> code,
             read_python_ports(directory, files, wanted, checked.mistakes));
  SLUICE_TRY(checked.manifests, read_manifests(directory, files, checked.mistakes));
  checked.app = model::check_app(*draft, code, limits, checked.mistakes);
  return checked;
}

}  // namespace sluice::bundle
